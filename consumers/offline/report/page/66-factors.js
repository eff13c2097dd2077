'use strict';
// Factors: which numbers say the same thing.
(() => {
  const {el, table, chart, whole, number, percent, values, categories, colours, marks, dashes, words, section} = Report;

  section({
    order: 27, id: 'factors', fields: ['factors'], title: 'Factors behind the numbers',
    about: 'Numbers that rise and fall together share a factor; a factor counts when it explains more than chance would.',
    draw(c) {
      const f = c.factors, columns = [...Array(f.count).keys()], most = Math.max(f.eigenvalues.length, f.chance.length);
      const line = (name, data, i) => ({type: 'line', name, data: data.map((v, k) => [k + 1, v]), color: colours[i], symbol: marks[i], symbolSize: 7, lineStyle: {type: dashes[i], width: 2}});
      return [
        el('p', {class: 'finding'}, f.count === 0 ? `No factor in ${whole(f.n)} rows explains more than chance would.` :
          `${f.count} ${f.count === 1 ? 'factor explains' : 'factors explain'} more than chance would (${whole(f.n)} rows): ${f.explained.map(v => percent(v)).join(', ')} of the variance.`),
        chart({
          title: 'Eigenvalues, and what chance alone gives', height: 300,
          option: {legend: {}, tooltip: {trigger: 'axis', valueFormatter: number}, xAxis: values({name: 'factor', min: 1, max: most, minInterval: 1, splitLine: {show: false}, axisLabel: {color: Report.ink}}),
            yAxis: values({axisLabel: {formatter: Report.tick, color: Report.ink}}), series: [line('these data', f.eigenvalues, 0), line('chance, 95th percentile', f.chance, 1)]},
          table: table([{title: 'Factor', number: true, of: k => whole(k + 1)}, {title: 'Eigenvalue', number: true, of: k => number(f.eigenvalues[k])}, {title: 'By chance', number: true, of: k => number(f.chance[k])}], [...Array(most).keys()]),
        }),
        f.count > 0 ? [el('h3', {}, 'Loadings (varimax)'), el('p', {class: 'note'}, 'How strongly each number follows each factor, from \u22121 to 1; communality is the share of its variance that the factors explain.'),
          table([{title: 'Number', of: v => words(v.feature)}, ...columns.map(k => ({title: `factor ${k + 1}`, number: true, of: v => number(v.loadings[k])})), {title: 'communality', number: true, of: v => percent(v.communality)}],
            f.variables, {label: 'Loadings', whole: true})] : null,
        f.left_out.length > 0 ? el('p', {class: 'note'}, `Left out, because they say nearly the same as another: ${f.left_out.map(words).join(', ')}.`) : null,
      ];
    },
  });
})();
