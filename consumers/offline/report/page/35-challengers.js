'use strict';
// Batch learners refitted on a schedule, beside the online model on the same rows.
(() => {
  const {el, table, chart, whole, number, interval, values, categories, colours, feature, section} = Report;
  const kImportancesDrawn = 12;

  const pairs = c => (c.models || []).flatMap(m => (m.challengers || []).map(x => ({model: m.id, ...x})));

  function importances(x) {
    const all = x.importances || [], top = all.slice(0, kImportancesDrawn);
    if (top.length === 0) return null;
    const share = key => { const sum = all.reduce((s, r) => s + r[key], 0) || 1; return r => r[key] / sum; };
    const shap = share('mean_abs_shap'), online = share('online'), gain = share('total_gain');
    const both = top.filter(r => r.driver_found).map(r => feature(r.feature));
    return [
      el('p', {class: 'finding'}, both.length > 0 ? `Named by both, the regression (a driver that stands after correction) and ${x.name} (one of its ${top.length} strongest): ${both.join(', ')}.`
        : `None of the ${top.length} features ${x.name} looks at most is a driver of the regression that stands after correction.`),
      x.agreement ? el('p', {class: 'finding'}, `${x.model}, ${x.name}: the two agree on ${x.agreement.shared_of_top_5} of the five strongest features; rank correlation of all ${number(x.agreement.rank_correlation_shap)} (SHAP), ${number(x.agreement.rank_correlation_gain)} (gain).`) : null,
      chart({
        title: `What ${x.name} looks at, beside the online model (${x.model})`, height: 90 + 28 * top.length,
        option: {
          legend: {}, tooltip: {trigger: 'axis', axisPointer: {type: 'shadow'}, valueFormatter: v => Report.percent(v)},
          xAxis: values({name: 'share of all importance', axisLabel: {formatter: Report.tickPercent, color: Report.ink, hideOverlap: true}}),
          yAxis: categories(top.map(r => feature(r.feature)).reverse(), {axisLabel: {width: 170, overflow: 'truncate', interval: 0, color: Report.ink}}),
          series: [{type: 'bar', name: `${x.name}: mean |SHAP|`, color: colours[1], barMaxWidth: 9, data: top.map(shap).reverse()},
            {type: 'bar', name: 'online: |coefficient| x deviation', color: colours[0], barMaxWidth: 9, data: top.map(online).reverse()}],
        },
        table: table([{title: 'Feature', of: r => feature(r.feature)}, {title: 'Mean |SHAP|', number: true, of: r => number(r.mean_abs_shap)}, {title: 'Gain, share', number: true, of: r => Report.percent(gain(r))},
          {title: 'Online', number: true, of: r => number(r.online)}, {title: 'Driver', of: r => r.driver_found ? 'yes' : '\u2013'}], all, {mark: r => r.driver_found, label: `Importances of ${x.name}`, paper: (r, i) => i < kImportancesDrawn}),
      }),
    ];
  }

  section({
    order: 25, id: 'challengers', fields: ['models'], title: 'Against batch learners',
    about: 'Forests and boosted trees, refitted again and again on everything known by then, judged on the same customers as the online model; each prediction was made before its answer.',
    draw(c) {
      const all = pairs(c);
      if (all.length === 0) return [];
      return [table([
        {title: 'Model', of: x => x.model}, {title: 'Challenger', of: x => x.name}, {title: 'Labels judged', number: true, of: x => whole(x.n)},
        {title: 'AUC', number: true, of: x => number(x.auc)}, {title: 'online', number: true, of: x => number(x.online_same_rows.auc)},
        {title: 'Log-loss', number: true, of: x => number(x.log_loss)}, {title: 'online', number: true, of: x => number(x.online_same_rows.log_loss)},
        {title: 'Behind online by', number: true, of: x => interval(x.log_loss_behind_online.mean, x.log_loss_behind_online.low, x.log_loss_behind_online.high)},
        {title: 'F1', number: true, of: x => number((x.f1 || {}).f1)}, {title: 'online', number: true, of: x => number((x.online_same_rows.f1 || {}).f1)}, {title: 'Verdict', of: x => x.verdict},
      ], all, {label: 'Challengers beside the online model', whole: true}), ...all.map(importances)];
    },
  });
})();
