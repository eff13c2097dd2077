'use strict';
// Segments: how many and why, what each is like, how large over time, who moved.
(() => {
  const {el, note, table, chart, whole, number, percent, rate, interval, known, day, words, values, categories, colours, marks, dashes, soft, section} = Report;

  const none = !Report.content.segments || Report.content.segments.k === 0;
  const living = new Set(((Report.content.segments || {}).profiles || []).map(p => p.id));
  const name = id => id === null ? 'all' : id === 0 ? (none ? 'everyone' : 'none yet') : `segment ${id}`;
  Report.living = id => none || living.has(id);
  Report.segmentName = name;

  const units = {
    recency: 'days since the last purchase', frequency: 'purchases and transactions*', monetary: 'money moved*', deposits: 'deposits*', withdrawals: 'withdrawals*', net_flow: 'deposits less withdrawals*',
    tenure: 'days known', products_owned: 'products owned', days_since_click: 'days since the last click', click_rate: 'clicks per impression*', engagement: 'engagement events*', impressions: 'impressions*',
  };

  function sizes(s) {
    const rows = s.profiles.slice().sort((a, b) => b.customers - a.customers);
    return chart({
      title: 'Customers by segment at the end', height: 70 + 34 * rows.length,
      option: {
        tooltip: {trigger: 'axis', axisPointer: {type: 'shadow'}, valueFormatter: whole}, grid: {left: 12, right: 60, top: 8, bottom: 12, outerBoundsMode: 'same'},
        xAxis: values({name: 'customers', axisLabel: {formatter: Report.tick, hideOverlap: true, color: Report.ink}}), yAxis: categories(rows.map(r => name(r.id)).reverse()),
        series: [{type: 'bar', name: 'customers', barMaxWidth: 22, data: rows.map(r => r.customers).reverse(), label: {show: true, position: 'right', formatter: p => whole(p.value), color: Report.ink}}],
      },
      table: table([{title: 'Segment', of: r => name(r.id)}, {title: 'Customers', number: true, of: r => whole(r.customers)},
        {title: 'Share', number: true, of: r => rate(r.of_all)}], rows),
    });
  }

  // Who of each segment was approached, clicked, converted.
  function responses(s) {
    const approached = s.profiles.filter(p => p.approached && p.approached.k > 0), outcomes = approached.length === 0 ? [] : Object.keys(approached[0].answers).filter(o => approached.some(p => p.answers[o].k > 0));
    if (outcomes.length === 0) return null;
    const main = ['conversion', ...outcomes].find(o => outcomes.includes(o)), rows = approached.sort((a, b) => b.answers[main].rate - a.answers[main].rate);
    const top = Math.max(...rows.map(p => p.answers[main].high));
    return [el('h3', {}, 'How each segment responded'), chart({
      title: `Customers with ${words(main)}, of those approached`, height: 80 + 34 * rows.length,
      option: {
        tooltip: {trigger: 'axis', axisPointer: {type: 'shadow'}, valueFormatter: v => percent(v)}, xAxis: values({min: 0, max: top * 1.05, axisLabel: {formatter: Report.tickPercent, color: Report.ink, hideOverlap: true, showMaxLabel: false}}),
        yAxis: categories(rows.map(r => name(r.id)).reverse()),
        series: [{type: 'bar', name: words(main), color: colours[0], barMaxWidth: 20, data: rows.map(r => r.answers[main].rate).reverse()}, Report.whiskers(rows.slice().reverse().map((r, i) => [i, r.answers[main].low, r.answers[main].high]), {horizontal: true})],
      },
      table: table([{title: 'Segment', of: p => name(p.id)}, {title: 'Approached', number: true, of: p => whole(p.approached.k)}, ...outcomes.map(o => ({title: words(o), number: true, of: p => rate(p.answers[o])}))], rows, {label: 'Response by segment'}),
    })];
  }

  function profiles(s) {
    const rows = s.profiles.filter(p => p.traits);
    const traits = [...new Set(rows.flatMap(p => Object.keys(p.traits)))];
    if (rows.length === 0 || traits.length === 0) return null;
    const cell = t => !t ? '\u2013' : t.rate !== undefined ? rate(t) : interval(t.mean, t.low, t.high);
    return [el('h3', {}, 'What each segment is like'),
      el('p', {class: 'note'}, 'Means and shares of the customers of each segment. Starred numbers are decayed sums: what happened lately counts more (half-lives of 7 to 90 days); never means 365 days. The segments were found on ' + s.features.map(words).join(', ') + ' alone.'),
      table([{title: 'Trait', of: t => units[t] || words(t)}, ...rows.map(p => ({title: `${name(p.id)} (n ${whole(p.customers)})`, number: true, of: t => cell(p.traits[t])}))],
        traits, {label: 'Profiles of the segments', whole: true})];
  }

  function shape(s) {
    const rows = s.profiles.filter(p => p.centre.length > 0);
    if (rows.length < 2) return null;
    return chart({
      title: 'How far each segment lies from the average customer (standard deviations)', height: 300, wide: s.features.length > 5,
      option: {
        legend: {}, tooltip: {trigger: 'axis', axisPointer: {type: 'shadow'}, valueFormatter: number},
        xAxis: categories(s.features.map(words), {axisLabel: {interval: 0, color: Report.ink, fontSize: 12, width: 100, overflow: 'break'}}),
        yAxis: values({name: 'standard deviations', nameGap: 36, axisLabel: {formatter: Report.tick, color: Report.ink}}),
        series: rows.map((p, i) => ({type: 'bar', name: name(p.id), data: p.centre, color: colours[i % colours.length], barMaxWidth: 26})),
      },
      table: table([{title: 'Segment', of: p => name(p.id)}, ...s.features.map((f, j) => ({title: words(f), number: true, of: p => number(p.centre[j])}))], rows),
    });
  }

  function choice(s) {
    const rows = s.elbow || [];
    if (rows.length === 0) return null;
    const line = (title, key, i, axis) => ({type: 'line', name: title, yAxisIndex: axis, data: rows.map(r => [r.k, r[key]]), color: colours[i], symbol: marks[i], symbolSize: 7, lineStyle: {type: dashes[i % 3], width: 2}});
    const strength = (rows.find(r => r.k === s.k) || {}).prediction_strength;
    const bestSilhouette = rows.reduce((best, r) => r.silhouette > best.silhouette ? r : best, rows[0]);
    return [el('h3', {}, 'How many segments'),
      el('p', {class: 'finding'}, (s.k_set ? `${s.k} segments, as the configuration wants. Prediction strength (how far segments are found again in another half of the customers; 0.8 is sound) is ${number(strength)} there${strength < 0.8 ? ': not sound, they cut one cloud into parts' : ''}; `
        : `In force: ${s.k}. Prediction strength decides (the largest number whose segments are found again in another half of the customers, 0.8 or more, with votes over time); `) +
        `the elbow of the inertia lies at ${s.elbow_k}, the best silhouette at ${bestSilhouette.k}. They are shown, not used.`),
      chart({
        title: `Inertia, silhouette and prediction strength by number of segments (sample of ${whole(s.sample)} customers)`, height: 320,
        option: {
          legend: {}, tooltip: {trigger: 'axis', valueFormatter: number},
          xAxis: values({name: 'number of segments k', min: 1, max: rows.length, interval: 1, splitLine: {show: false}, axisLabel: {color: Report.ink}}),
          yAxis: [values({name: 'inertia', nameGap: 52, min: 0, axisLabel: {formatter: Report.tick, color: Report.ink}}), values({name: 'silhouette, strength', min: 0, max: 1, nameGap: 36, splitLine: {show: false}, axisLabel: {color: Report.ink}})],
          series: [line('inertia (left)', 'inertia', 0, 0), line('silhouette (right)', 'silhouette', 1, 1), line('prediction strength (right)', 'prediction_strength', 2, 1)],
        },
        table: table([{title: 'k', number: true, of: r => whole(r.k)}, {title: 'Inertia', number: true, of: r => number(r.inertia)}, {title: 'Silhouette', number: true, of: r => number(r.silhouette)},
          {title: 'Prediction strength', number: true, of: r => number(r.prediction_strength)}, {title: 'BIC', number: true, of: r => whole(r.bic)}], rows, {mark: r => r.k === s.k, whole: true}),
      })];
  }

  function history(s) {
    const days = s.history || [];
    if (days.length < 3) return null;
    const ids = [...new Set(days.flatMap(d => Object.keys(d.shares)))].sort((a, b) => a - b);
    return chart({
      title: 'Share of customers by segment over time', height: 300, wide: ids.length > 5,
      option: {
        legend: {}, tooltip: {trigger: 'axis', valueFormatter: v => percent(v)},
        xAxis: Report.axis({type: 'category', boundaryGap: false, data: days.map(d => day(d.time)), splitLine: {show: false}}),
        yAxis: values({min: 0, max: 1, axisLabel: {formatter: Report.tickPercent, color: Report.ink}}),
        series: ids.map((id, i) => ({type: 'line', name: name(Number(id)), stack: 'all', areaStyle: {opacity: 0.75}, symbol: 'none', lineStyle: {width: 1, color: '#fff'}, color: colours[i % colours.length],
          data: days.map(d => d.shares[id] ?? 0)})),
      },
      table: table([{title: 'Day', tight: true, of: d => day(d.time)}, ...ids.map(id => ({title: name(Number(id)), number: true, of: d => percent(d.shares[id])}))], days, {label: 'Shares of the segments by day', paper: (d, i) => i % Math.ceil(days.length / 15) === 0}),
    });
  }

  function moves(s) {
    const all = s.moves || [];
    if (all.length === 0) return null;
    const ids = [...new Set(all.flatMap(m => [m.from, m.to]))].sort((a, b) => a - b);
    const of = (from, to) => (all.find(m => m.from === from && m.to === to) || {}).n;
    return [el('h3', {}, 'Moves between segments'),
      el('p', {class: 'note'}, 'How often a customer\u2019s new place lay in another segment than the one before; a segment that is born or ends moves many at once.'),
      table([{title: 'From', of: id => name(id)}, ...ids.map(to => ({title: `to ${to}`, number: true, of: id => id === to ? '' : whole(of(id, to))}))], ids, {label: 'Moves between segments', whole: true})];
  }

  function changes(s) {
    const told = {birth: e => `${name(e.segment)} is new`, death: e => `${name(e.segment)} ended`, split: e => `${percent(e.amount, 0)} of ${name(e.segment)} ${e.other === e.segment ? 'stayed' : `became ${name(e.other)}`}`,
      merge: e => `${name(e.segment)} took in ${name(e.other)} (${percent(e.amount, 0)} of it now)`};
    const rows = (s.changes || []).filter(e => told[e.what]);
    if (rows.length === 0) return null;
    return [el('h3', {}, 'Births, ends, splits and merges'),
      table([{title: 'Day', tight: true, of: e => day(e.time)}, {title: 'What', of: e => e.what}, {title: 'Change', of: e => told[e.what](e)}], rows, {label: 'Changes of the segments'})];
  }

  section({
    order: 30, id: 'segments', fields: ['segments'], title: 'Segments',
    about: 'Customers who are alike, found from their behaviour and kept up to date as they change; a segment keeps its number for life.',
    draw(c) {
      const s = c.segments;
      if (!s || s.k === 0 || s.profiles.length === 0) return [];
      return [sizes(s), note('Where each customer stands at the end of the replay: recency goes on while a customer is silent. The drawing over time below has each customer where it was last seen.'), responses(s), shape(s), profiles(s), choice(s), history(s), moves(s), changes(s)];
    },
  });
})();
