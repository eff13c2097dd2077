'use strict';
// Decisions: how many, what was chosen, what stood in the way; and the experiment beside them.
(() => {
  const {el, table, chart, whole, percent, money, rate, interval, words, values, categories, colours, section} = Report;

  const bars = (title, rows, label) => {
    const rising = rows.slice().reverse();
    return chart({
      title, height: 70 + 26 * rows.length,
      option: {
        tooltip: {trigger: 'axis', axisPointer: {type: 'shadow'}, valueFormatter: whole}, grid: {left: 12, right: 70, top: 8, bottom: 12, outerBoundsMode: 'same'},
        xAxis: values({name: label, axisLabel: {formatter: Report.tick, hideOverlap: true, color: Report.ink}}),
        yAxis: categories(rising.map(r => r[0]), {axisLabel: {width: 180, overflow: 'truncate', interval: 0, color: Report.ink}}),
        series: [{type: 'bar', name: label, barMaxWidth: 16, data: rising.map(r => r[1]), label: {show: true, position: 'right', formatter: p => whole(p.value), color: Report.ink}}],
      },
      table: table([{title: 'What', of: r => r[0]}, {title: words(label), number: true, of: r => whole(r[1])}, {title: 'Share', number: true, of: r => percent(r[1] / rows.reduce((s, x) => s + x[1], 0))}], rows, {whole: true}),
    });
  };

  const stages = {schedule: 'not on offer then', consent: 'no consent', eligibility: 'not eligible', ownership: 'owned already', cap: 'cap reached', cooldown: 'too soon after the last', budget: 'budget', holdout: 'held out', arbitration: 'outranked', threshold: 'not worth it'};

  section({
    order: 60, id: 'decisions', fields: ['decisions'], title: 'Decisions',
    about: 'What was decided at each request: which offers were chosen, how often nothing was, and what kept the others out.',
    draw(c) {
      const d = c.decisions;
      if (!d || d.total === 0) return [];
      const nodes = [el('h3', {}, 'By arm of the experiment')];
      const arms = Object.entries(d.arms).filter(([, o]) => Object.values(o).some(n => n > 0)), outcomes = [...new Set(arms.flatMap(([, o]) => Object.keys(o)))].filter(k => arms.some(([, o]) => o[k] > 0));
      nodes.push(table([{title: 'Arm', of: a => a[0]}, ...outcomes.map(k => ({title: k === 'offer' ? 'an offer' : words(k), number: true, of: a => whole(a[1][k])})),
        {title: 'Decisions', number: true, of: a => whole(Object.values(a[1]).reduce((s, n) => s + n, 0))}], arms, {label: 'Decisions by arm'}));
      const chosen = Object.entries(d.selected || {}).sort((a, b) => b[1] - a[1]);
      if (chosen.length > 0) {
        const by = {};
        for (const [key, n] of chosen) { const offer = key.slice(0, key.lastIndexOf('/')); by[offer] = (by[offer] || 0) + n; }
        const channels = [...new Set(chosen.map(([k]) => k.slice(k.lastIndexOf('/') + 1)))], offers = Object.entries(by).sort((a, b) => b[1] - a[1]).map(o => o[0]);
        const of = (offer, channel) => d.selected[`${offer}/${channel}`] || 0;
        nodes.push(el('h3', {}, 'What was chosen'), chart({
          title: 'Offers chosen, by channel', height: 90 + 28 * offers.length,
          option: {
            legend: {}, tooltip: {trigger: 'axis', axisPointer: {type: 'shadow'}, valueFormatter: whole}, grid: {left: 12, right: 30, top: 40, bottom: 12, outerBoundsMode: 'same'},
            xAxis: values({name: 'decisions', axisLabel: {formatter: Report.tick, hideOverlap: true, color: Report.ink}}), yAxis: categories(offers.slice().reverse(), {axisLabel: {width: 150, overflow: 'truncate', interval: 0, color: Report.ink}}),
            series: channels.map((ch, i) => ({type: 'bar', stack: 'all', name: ch, color: colours[i % colours.length], barMaxWidth: 18, itemStyle: {borderColor: '#fff', borderWidth: 0.5}, data: offers.slice().reverse().map(o => of(o, ch))})),
          },
          table: table([{title: 'Offer', of: o => o}, ...channels.map(ch => ({title: ch, number: true, of: o => whole(of(o, ch))})), {title: 'All', number: true, of: o => whole(by[o])}], offers, {whole: true}),
        }));
      }
      const out = Object.entries(d.excluded || {}).map(([k, n]) => { const [stage, reason] = k.split('/'); return [stages[stage] && words(reason) !== stage && !stages[stage].includes(words(reason)) ? `${stages[stage]}: ${words(reason)}` : stages[stage] || words(reason), n]; }).sort((a, b) => b[1] - a[1]);
      if (out.length > 0) nodes.push(el('h3', {}, 'What kept offers out'), bars('Exclusions: an offer on a channel that could not be shown', out, 'exclusions'));
      return nodes;
    },
  });

  section({
    order: 62, id: 'experiment', fields: ['experiment'], title: 'What the decisions caused',
    about: 'Customers held out by chance against all others: the difference is what the decisions brought about, not what would have happened anyway.',
    draw(c) {
      const e = c.experiment;
      if (!e) return [];
      const arms = Object.entries(e.arms).filter(([, a]) => a.customers > 0);
      if (arms.length === 0) return [];
      return [
        e.arms.holdout && e.arms.holdout.customers > 0 ? el('p', {class: 'finding'}, `Policy against holdout: ${interval(100 * e.lift, 100 * e.low, 100 * e.high)} percentage points more customers converted.`) : null,
        table([{title: 'Arm', of: a => a[0]}, {title: 'Customers', number: true, of: a => whole(a[1].customers)}, {title: 'Converted', number: true, of: a => whole(a[1].converted)},
          {title: 'Share', number: true, of: a => a[1].share ? rate(a[1].share) : percent(a[1].converted / a[1].customers)}, {title: 'Revenue', number: true, of: a => money(a[1].revenue)}], arms, {label: 'Arms of the experiment'}),
      ];
    },
  });
})();
