'use strict';
// Who stops buying, what they are worth, and what of it is at risk.
(() => {
  const {el, table, chart, whole, number, percent, money, values, categories, colours, section} = Report;

  function parts(rows, name, title, label) {
    const columns = [{title: label, of: r => name(rows.indexOf(r))}, {title: 'Customers', number: true, of: r => whole(r.n)}, {title: 'Days since the last purchase', number: true, of: r => number(r.recency_days)},
      {title: 'Purchases', number: true, of: r => number(r.orders)}, {title: 'Spent', number: true, of: r => money(r.spent)}, {title: 'Stops buying', number: true, of: r => percent(r.churn)},
      {title: 'Still active (reference)', number: true, of: r => percent(r.alive_reference)}, {title: 'Worth in 12 months', number: true, of: r => money(r.value_12_months)}, {title: 'of it at risk', number: true, of: r => money(r.value_at_risk)}];
    return chart({
      title, height: 300, wide: true,
      option: {
        legend: {}, tooltip: {trigger: 'axis', axisPointer: {type: 'shadow'}, valueFormatter: money},
        xAxis: categories(rows.map((r, i) => name(i)), {axisLabel: {interval: 0, color: Report.ink, fontSize: 12}}), yAxis: values({axisLabel: {formatter: Report.tick, color: Report.ink}}),
        series: [{type: 'bar', name: 'worth in 12 months', color: colours[0], barMaxWidth: 26, data: rows.map(r => r.value_12_months)}, {type: 'bar', name: 'of it at risk', color: colours[1], barMaxWidth: 26, data: rows.map(r => r.value_at_risk)}],
      },
      table: table(columns, rows, {label: title, whole: true}),
    });
  }

  section({
    order: 56, id: 'churn', fields: ['churn'], title: 'Who stops buying',
    about: 'The chance that a customer buys nothing more within the horizon, what the customer would be worth in the next 12 months, and how much of that is at risk.',
    draw(c) {
      const x = c.churn, h = x.hazard;
      return [
        el('p', {class: 'finding'}, `${whole(x.customers)} customers are worth ${money(x.value_12_months)} in the next 12 months; ${money(x.value_at_risk)} of it is at risk (${percent(x.value_at_risk / x.value_12_months)}).`),
        el('p', {}, `The model was judged on ${whole(h.n)} customer histories whose following ${whole(x.horizon_days)} days are known (${whole(h.bought)} bought again): AUC ${number(h.auc)}, log-loss ${number(h.log_loss)}, said / came ${number(h.calibration)}.`),
        parts(x.by_risk, i => `tenth ${i + 1}`, 'By risk, highest first', 'Risk'), parts(x.by_recency, i => `fifth ${i + 1}`, 'By days since the last purchase, latest buyers first', 'Recency'),
        el('h3', {}, 'What makes customers buy again'), Report.drivers('buying again', x.drivers, 3),
        el('p', {class: 'note'}, 'Reference: a model of purchases at random times and of customers who silently leave (BG/NBD), with the value of an order by Gamma-Gamma; ' +
          `r ${number(x.bg_nbd.r)}, alpha ${number(x.bg_nbd.alpha_days)} days, a ${number(x.bg_nbd.a)}, b ${number(x.bg_nbd.b)}; p ${number(x.gamma_gamma.p)}, q ${number(x.gamma_gamma.q)}, v ${number(x.gamma_gamma.v)}.`),
      ];
    },
  });
})();
