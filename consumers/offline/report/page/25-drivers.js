'use strict';
// What drives an answer: odds ratios with their intervals, strongest first, as a drawing and a table.
(() => {
  const {el, table, chart, whiskers, number, interval, values, categories, colours, soft, feature} = Report;

  const kDriversDrawn = 16;

  // Whose, the drivers, the |z| that survives correction for testing them all.
  Report.drivers = (whose, list, bar) => {
    const all = list.slice().sort((a, b) => Math.abs(b.z) - Math.abs(a.z));
    if (all.length === 0) return null;
    const stands = d => d.found === undefined ? Math.abs(d.z) > bar : d.found;   // found: by false discoveries, else by the bar
    const sure = all.filter(stands).length, by = all.some(d => d.found !== undefined) ? 'Benjamini and Hochberg, at most 5\u202f% false discoveries' : `|z| above ${number(bar)}`;
    const top = all.slice(0, kDriversDrawn).reverse();
    const mark = (d, i) => [d.odds_ratio, i];
    const finding = sure === 0 ? `No driver stands out: of ${all.length} none survives correction for testing all of them at once (${by}).`
      : `${sure} of ${all.length} drivers stand out even after correction for testing all of them at once (${by}).`;
    return [el('p', {class: 'finding'}, finding), chart({
      title: `What drives ${whose}: odds ratio for one step of the feature, strongest first`, height: 80 + 24 * top.length,
      option: {
        tooltip: {trigger: 'item', formatter: p => `${feature(top[p.value[1]].feature)}<br>odds ratio ${interval(top[p.value[1]].odds_ratio, top[p.value[1]].low, top[p.value[1]].high)}`},
        xAxis: values({type: 'log', name: 'odds ratio, log scale', axisLabel: {formatter: Report.tick, hideOverlap: true, color: Report.ink},
          minorSplitLine: {show: false}}),
        yAxis: categories(top.map(d => feature(d.feature)), {axisLabel: {width: Math.min(170, Math.round(0.28 * innerWidth)), overflow: 'truncate', color: Report.ink, fontSize: 12, interval: 0}}),
        series: [
          whiskers(top.map((d, i) => [i, d.low, d.high]), {horizontal: true, colour: soft}),
          {type: 'scatter', name: 'odds ratio', symbolSize: 9, data: top.map(mark), z: 4,
            itemStyle: {color: p => stands(top[p.value[1]]) ? colours[0] : '#fff', borderColor: colours[0], borderWidth: 1.5},
            markLine: {silent: true, symbol: 'none', label: {show: false}, lineStyle: {color: soft, type: 'dashed'}, data: [{xAxis: 1}]}},
        ],
      },
      table: table([
        {title: 'Feature', of: d => feature(d.feature)}, {title: 'Odds ratio', number: true, of: d => interval(d.odds_ratio, d.low, d.high)},
        {title: 'z', number: true, of: d => number(d.z)}, all.some(d => d.q !== undefined) ? {title: 'q', number: true, of: d => number(d.q)} : null,
        {title: 'Coefficient', number: true, of: d => number(d.coefficient)},
      ].filter(Boolean), all, {label: `Drivers of ${whose}`, mark: stands, paper: (d, i) => i < kDriversDrawn}),
    })];
  };
})();
