'use strict';
// Factors: which numbers say the same thing.
(() => {
  const {el, table, chart, whole, number, percent, values, categories, colours, marks, dashes, words, interval, section} = Report;

  // Conversion told from the factors alone, beside the online model on the same rows.
  function regression(f) {
    const r = f.regression;
    if (!r) return [];
    const told = r.f1 || {}, on = r.online_same_rows, online = on.f1 || {};
    const rows = [{name: 'regression on factor scores', q: r, f1: told}, {name: 'online model, all features', q: on, f1: online}];
    return [
      el('h3', {}, 'Conversion told from the factors'),
      el('p', {class: 'note'}, 'Logistic regression on the factor scores; each prediction was made before its answer, with a threshold chosen beforehand. Odds ratios are for one standard deviation of a score, 95\u202f% interval.'),
      table([{title: 'Factor', of: e => `factor ${e.factor}`}, {title: 'Odds ratio', number: true, of: e => interval(e.odds_ratio, e.low, e.high)}, {title: 'z', number: true, of: e => number(e.z)}], r.effects, {label: 'Effects of factors', whole: true}),
      r.n > 0 ? table([{title: 'Told by', of: x => x.name}, {title: 'Labels judged', number: true, of: x => whole(x.q.n)}, {title: 'F1', number: true, of: x => number(x.f1.f1)},
        {title: 'Precision', number: true, of: x => interval(x.f1.precision, x.f1.precision_low, x.f1.precision_high)}, {title: 'Recall', number: true, of: x => interval(x.f1.recall, x.f1.recall_low, x.f1.recall_high)},
        {title: 'AUC', number: true, of: x => number(x.q.auc)}, {title: 'Log-loss', number: true, of: x => number(x.q.log_loss)}], rows, {label: 'Regression on factor scores', whole: true}) : null,
    ];
  }

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
        ...regression(f),
        f.left_out.length > 0 ? el('p', {class: 'note'}, `Left out, because they say nearly the same as another: ${f.left_out.map(words).join(', ')}.`) : null,
      ];
    },
  });
})();
