'use strict';
// What other configurations would have earned on the decisions that were logged (offerstream backtest).
(() => {
  const {el, table, chart, whiskers, values, categories, number, whole, interval, note, paragraph, section} = Report;

  const of = pair => Array.isArray(pair) ? pair : [];
  const shown = (value, pair) => interval(value, of(pair)[0], of(pair)[1]);

  function summary(policies) {
    return table([
      {title: 'Policy', of: p => p.name},
      {title: 'Earns a decision', number: true, of: p => shown(p.value, p.interval)},
      {title: 'Against the log', number: true, of: p => shown(p.difference, p.difference_interval)},
      {title: 'Verdict', of: p => p.verdict},
      {title: 'Decisions', number: true, of: p => whole(p.n)},
      {title: 'Effective', number: true, of: p => whole(p.ess)},
      {title: 'Mean weight', number: true, of: p => number(p.mean_weight)},
      {title: 'Largest', number: true, of: p => number(p.max_weight)},
    ], policies);
  }

  function estimates(policies) {
    const rows = policies.flatMap(p => Object.entries(p.estimates).map(([name, e]) => ({policy: p.name, name, e})));
    for (const p of policies) {
      if (p.rejection) rows.push({policy: p.name, name: `rejection (${whole(p.rejection.accepted)} of ${whole(p.rejection.offered)} accepted)`, e: p.rejection});
    }
    return table([
      {title: 'Policy', of: r => r.policy},
      {title: 'Estimator', of: r => r.name},
      {title: 'Earns', number: true, of: r => number(r.e.value)},
      {title: '95\u202f% normal', number: true, of: r => of(r.e.normal).map(number).join(' to ') || '\u2013'},
      {title: '95\u202f% Student', number: true, of: r => of(r.e.student).map(number).join(' to ') || '\u2013'},
      {title: '95\u202f% bootstrap', number: true, of: r => of(r.e.bootstrap).map(number).join(' to ') || '\u2013'},
    ], rows, {fold: true});
  }

  section({
    order: 70, id: 'policies', fields: ['policies', 'log', 'currency'], title: 'What other configurations would have earned',
    about: 'Estimated from logged decisions and the probabilities they were drawn with; a policy the log does not support gets no verdict.',
    draw(c) {
      const policies = c.policies || [], log = c.log || {};
      if (policies.length === 0) return [];
      const refused = policies.filter(p => p.refusal);
      return [
        paragraph(`The log itself earned ${shown(log.value, log.interval)} ${c.currency || ''} a decision over ${whole(log.weighed)} decisions.`),
        chart({
          title: 'Earned a decision, 95\u202f% interval; the dashed line is the log', height: 90 + 40 * policies.length,
          option: {
            xAxis: values({name: c.currency || '', scale: true}), yAxis: categories(policies.map(p => p.name), {inverse: true}),
            series: [
              {type: 'scatter', symbolSize: 9, data: policies.map((p, i) => [p.value, i]),
                markLine: {silent: true, symbol: 'none', label: {show: false}, lineStyle: {type: 'dashed'}, data: [{xAxis: log.value}]}},
              whiskers(policies.map((p, i) => [i, of(p.interval)[0], of(p.interval)[1]]), {horizontal: true}),
            ],
          },
          table: summary(policies), wide: true,
        }),
        refused.map(p => note(el('b', {}, `${p.name}: no verdict. `), p.refusal)),
        estimates(policies),
      ];
    },
  });
})();
