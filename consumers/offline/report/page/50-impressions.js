'use strict';
// Impressions: what the n-th one brings in each segment and channel, and the cap that follows.
(() => {
  const {el, table, chart, whiskers, whole, number, percent, rate, interval, known, values, categories, colours, soft, section} = Report;
  const segment = id => Report.segmentName(id);

  // The counts of a cell, by ordinal, beside the curve.
  function counted(c, cell) {
    const found = (c.engagement || []).find(e => e.segment === cell.segment && e.channel === cell.channel);
    return found ? found.by_impression : [];
  }

  function capOf(cell) {
    if (cell.learn === false) return 'no cap is learned here';
    if (cell.claimed === false) return 'no cap is claimed';
    return cell.limit > 0 ? `cap ${cell.limit}${cell.low < cell.high ? ` [${cell.low}, ${cell.high}]` : ''}` : 'no cap learned yet';
  }

  function draw(c, cell) {
    const counts = counted(c, cell), seen = counts.filter(r => !r.and_later).map(r => r.n);
    const last = Math.min(25, Math.max(10, cell.limit + 4, ...seen));
    const points = cell.points.filter(p => p.n <= last), answer = ['click', 'conversion'].find(o => counts.some(r => r[o] && r[o].k > 0)) || 'click';
    const curve = answer === 'click' ? 'click_rate' : 'conversion_rate';
    const most = Math.max(0, ...counts.map(r => (r[answer] || {}).n || 0)), enough = Math.max(30, most / 50);
    const shown = counts.filter(r => !r.and_later && r[answer] && r[answer].n >= enough && r.n <= last);
    const net = cell.learn !== false && points.some(p => known(p.net_value));
    const highest = Math.max(...points.map(p => p[curve]), 1e-6);
    const ceiling = Math.max(highest, ...shown.map(r => Math.min(r[answer].n >= 200 ? r[answer].high : r[answer].rate, 2.5 * highest)));
    const mark = cell.claimed !== false && cell.limit > 0 && cell.learn !== false ? {silent: true, symbol: 'none', lineStyle: {color: Report.ink, type: 'solid', width: 1.5}, label: {formatter: `cap ${cell.limit}`, color: Report.ink, fontSize: 11, position: 'end'}, data: [{xAxis: cell.limit + 0.5}]} : undefined;
    const series = [
      whiskers(shown.map(r => [r.n, Math.min(r[answer].low, 1.15 * ceiling), Math.min(r[answer].high, 1.15 * ceiling)]), {colour: soft}),
      {type: 'scatter', name: `${answer} rate, counted`, data: shown.filter(r => r[answer].rate <= 1.15 * ceiling).map(r => [r.n, r[answer].rate]), symbolSize: 6, color: soft},
      {type: 'line', name: `${answer} rate, learned`, data: points.map(p => [p.n, p[curve]]), symbol: 'none', lineStyle: {width: 2}, color: colours[0], markLine: mark},
    ];
    const axes = [values({name: `${answer} rate`, min: 0, max: 1.15 * ceiling, nameGap: 46, splitNumber: 4, axisLabel: {formatter: Report.tickPercent, color: Report.ink, showMaxLabel: false}})];
    if (net) {
      const bound = Math.max(...points.map(p => Math.abs(p.net_value))) * 1.1;
      series.push({type: 'line', name: 'net value of the n-th (right)', yAxisIndex: 1, data: points.map(p => [p.n, p.net_value]), symbol: 'none', lineStyle: {width: 2, type: 'dashed'}, color: colours[1],
        markLine: {silent: true, symbol: 'none', label: {show: false}, lineStyle: {color: colours[1], width: 0.8, type: 'dotted'}, data: [{yAxis: 0}]}});
      axes.push(values({name: 'net value', min: -bound, max: bound, nameGap: 44, splitNumber: 4, splitLine: {show: false}, axisLabel: {formatter: Report.tick, color: Report.ink, showMinLabel: false, showMaxLabel: false}}));
    }
    const rows = points.filter(p => p.n <= last);
    const at = (n, outcome) => { const r = counts.find(x => x.n === n && !x.and_later); return r ? r[outcome] : null; };
    return chart({
      title: `${segment(cell.segment)}, ${cell.channel}: ${capOf(cell)}`, height: 270,
      option: {
        marked: true, legend: {itemGap: 10, textStyle: {fontSize: 11, color: Report.ink}}, tooltip: {trigger: 'axis', valueFormatter: v => known(v) && Math.abs(v) < 1 ? number(v) : number(v)},
        xAxis: values({name: 'n-th impression in the window', nameGap: 26, min: 0, max: last + 1, minInterval: 1, splitLine: {show: false}, axisLabel: {color: Report.ink, showMinLabel: false, formatter: v => Number.isInteger(v) && v <= last ? v : ''}}),
        yAxis: axes, series,
      },
      table: table([
        {title: 'n', number: true, of: p => whole(p.n)}, {title: 'Shown', number: true, of: p => whole((at(p.n, answer) || {}).n)},
        {title: 'Click rate, counted', number: true, of: p => rate(at(p.n, 'click'))}, {title: 'Conversions, counted', number: true, of: p => rate(at(p.n, 'conversion'))},
        {title: `${answer} rate, learned`, number: true, of: p => percent(p[curve])}, net ? {title: 'Net value \u00b1 se', number: true, of: p => `${number(p.net_value)} \u00b1 ${number(p.se)}`} : null,
      ].filter(Boolean), rows, {label: `Impressions of ${segment(cell.segment)} on ${cell.channel}`, fold: true, mark: p => net && p.n === cell.limit, paper: p => p.n <= 8 || p.n % 3 === 0 || p.n === cell.limit}),
    });
  }

  section({
    order: 40, id: 'impressions', fields: ['caps'], title: 'How many impressions are enough',
    about: 'What the n-th impression within the window brings, after taking out that keen customers are shown more; the cap is the last one that is worth more than it costs.',
    draw(c) {
      // A cell says something once it may have a cap, or has seen more than a first impression.
      const cells = (c.caps || []).filter(cell => Report.living(cell.segment) && (cell.learn !== false || counted(c, cell).length > 1)).sort((a, b) => a.segment - b.segment);
      if (cells.length === 0) return [];
      const learned = cells.filter(cell => cell.claimed !== false && cell.limit > 0 && cell.learn !== false), reasons = [...new Set(cells.filter(cell => cell.why_not).map(cell => cell.why_not))];
      const nodes = [el('p', {class: 'finding'}, learned.length === 0 ? `No cap is claimed: ${reasons.join('; ') || 'there is too little evidence'}.`
        : `Caps were learned in ${learned.length} of ${cells.length} cells, from ${Math.min(...learned.map(x => x.limit))} to ${Math.max(...learned.map(x => x.limit))} impressions.`)];
      const channels = [...new Set(cells.map(x => x.channel))], segments = [...new Set(cells.map(x => x.segment))];
      const at = (s, ch) => cells.find(x => x.segment === s && x.channel === ch);
      nodes.push(table([{title: 'Cap', of: s => segment(s)}, ...channels.map(ch => ({title: ch, number: true, of: s => {
        const cell = at(s, ch);
        return !cell ? '\u2013' : cell.claimed === false || cell.learn === false || cell.limit === 0 ? `none (n ${whole(cell.impressions)})` : `${cell.limit} [${cell.low}, ${cell.high}] (n ${whole(cell.impressions)})`;
      }}))], segments, {label: 'Learned caps by segment and channel', whole: true}),
      el('p', {class: 'note'}, 'In square brackets: the interval of the cap; n: impressions behind it. Segments that ended are in the JSON report. Points are counted shares with their intervals, drawn where there are enough impressions; the tables have all.'),
      el('div', {class: 'grid'}, cells.filter(cell => counted(c, cell).length > 1).map(cell => draw(c, cell))));
      return nodes;
    },
  });
})();
