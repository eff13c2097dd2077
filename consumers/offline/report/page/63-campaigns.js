'use strict';
// Campaigns: what they cost and brought, what they caused, and the budgets they are paid from.
(() => {
  const {el, table, chart, whiskers, whole, number, percent, money, rate, interval, words, values, categories, colours, section, note} = Report;
  const span = (x, format = number) => x ? interval(x.value, x.low, x.high, format) : '\u2013';
  const campaign = id => id || 'no campaign', place = r => `${campaign(r.campaign)}${r.channel === null ? ', all channels' : ` on ${r.channel}`}`;

  function spending(rows) {
    const drawn = rows.filter(r => r.roi);
    const head = [{title: 'Campaign', of: r => campaign(r.campaign)}, {title: 'Channel', of: r => r.channel === null ? 'all' : r.channel}, {title: 'Impressions', number: true, of: r => whole(r.impressions)},
      rows.some(r => r.clicks > 0) ? {title: 'Clicks', number: true, of: r => whole(r.clicks)} : null, {title: 'Conversions', number: true, of: r => whole(r.conversions)}, {title: 'Conversion rate', number: true, of: r => rate(r.conversion)},
      {title: 'Spend', number: true, of: r => money(r.spend)}, {title: 'Revenue', number: true, of: r => money(r.revenue)}, {title: 'ROI', number: true, of: r => span(r.roi, percent)},
      {title: 'Cost per conversion', number: true, of: r => span(r.cost_per_conversion)}].filter(Boolean);
    const grid = table(head, rows, {label: 'Campaigns by channel', whole: true, mark: r => r.channel === null});
    return [el('h3', {}, 'Spend and return'), drawn.length === 0 ? grid : chart({
      title: 'Return on spend: revenue less spend, for each unit spent', height: 80 + 32 * drawn.length, wide: true,
      option: {
        tooltip: {trigger: 'item', formatter: p => `${place(drawn[p.value[1]])}<br>ROI ${span(drawn[p.value[1]].roi, percent)}`},
        xAxis: values({name: 'ROI', axisLabel: {formatter: Report.tickPercent, color: Report.ink, hideOverlap: true}}), yAxis: categories(drawn.map(place), {axisLabel: {width: 190, overflow: 'truncate', interval: 0, color: Report.ink}}),
        series: [whiskers(drawn.map((r, i) => [i, r.roi.low, r.roi.high]), {horizontal: true}), {type: 'scatter', name: 'ROI', symbolSize: 10, color: colours[0], z: 4, data: drawn.map((r, i) => [r.roi.value, i]),
          markLine: {silent: true, symbol: 'none', label: {show: false}, lineStyle: {type: 'dashed'}, data: [{xAxis: 0}]}}],
      },
      table: grid,
    }), note('ROI counts every conversion that followed an impression as the campaign\u2019s doing; some would have come anyway. What was caused needs customers who were held out (below, where there are any).')];
  }

  const verdicts = {nothing_yet: 'nothing yet', no_difference: 'no difference shown', better: 'better', worse: 'worse', broken_split: 'split broken: no verdict'};

  function caused(rows, experiments) {
    const known = rows.filter(r => r.customers > 0);
    if (known.length === 0) return null;
    const arms = ((experiments || {}).campaigns || []).filter(x => x.experiment).flatMap(x => x.experiment.arms.filter(a => a.customers > 0).map(a => ({campaign: x.campaign_id, ...a})));
    const drawn = known.filter(r => r.lift !== null && r.interval && r.interval[0] !== null);
    const grid = table([{title: 'Campaign', of: r => campaign(r.campaign_id)}, {title: 'Customers', number: true, of: r => whole(r.customers)}, {title: 'Spend', number: true, of: r => money(r.spend)}, {title: 'Revenue', number: true, of: r => money(r.revenue)},
      {title: 'ROI', number: true, of: r => percent(r.roi)}, {title: 'Lift in conversion, points', number: true, of: r => r.lift === null ? '\u2013' : interval(100 * r.lift, r.interval[0] === null ? null : 100 * r.interval[0], r.interval[1] === null ? null : 100 * r.interval[1])},
      {title: 'Incremental ROI', number: true, of: r => r.incremental_roi ? interval(r.incremental_roi.value, r.incremental_roi.low, r.incremental_roi.high, percent) : '\u2013'},
      {title: 'Cost per conversion', number: true, of: r => number(r.cost_per_conversion)}, {title: 'per caused one', number: true, of: r => number(r.cost_per_incremental_conversion)},
      {title: 'Split, p', number: true, of: r => number(r.srm_p)}, {title: 'Verdict', of: r => verdicts[r.verdict] || words(r.verdict)}], known, {label: 'What campaigns caused', whole: true});
    return [el('h3', {}, 'What was caused'), drawn.length === 0 ? grid : chart({
      title: 'Lift in conversion over customers held out, points, with intervals that may be watched any day', height: 80 + 32 * drawn.length, wide: true,
      option: {
        tooltip: {trigger: 'item', formatter: p => `${campaign(drawn[p.value[1]].campaign_id)}<br>${interval(100 * drawn[p.value[1]].lift, 100 * drawn[p.value[1]].interval[0], 100 * drawn[p.value[1]].interval[1])} points`},
        xAxis: values({name: 'percentage points', axisLabel: {formatter: Report.tick, color: Report.ink, hideOverlap: true}}), yAxis: categories(drawn.map(r => campaign(r.campaign_id)), {axisLabel: {interval: 0, color: Report.ink}}),
        series: [whiskers(drawn.map((r, i) => [i, 100 * r.interval[0], 100 * r.interval[1]]), {horizontal: true}), {type: 'scatter', name: 'lift', symbolSize: 10, color: colours[2], z: 4, data: drawn.map((r, i) => [100 * r.lift, i]),
          markLine: {silent: true, symbol: 'none', label: {show: false}, lineStyle: {type: 'dashed'}, data: [{xAxis: 0}]}}],
      },
      table: grid,
    }), arms.length > 0 ? table([{title: 'Campaign', of: a => campaign(a.campaign)}, {title: 'Arm', of: a => a.arm}, {title: 'Customers', number: true, of: a => whole(a.customers)}, {title: 'planned share', number: true, of: a => percent(a.planned)},
      {title: 'Came', number: true, of: a => whole(a.visited)}, {title: 'Converted', number: true, of: a => whole(a.converted)}, {title: 'Rate', number: true, of: a => percent(a.converted / a.customers)},
      {title: 'Revenue', number: true, of: a => money(a.revenue)}, {title: 'Cost', number: true, of: a => money(a.cost)}], arms, {label: 'Arms of the campaigns', fold: arms.length > 8}) : null];
  }

  function budgets(rows) {
    if (rows.length === 0) return null;
    return [el('h3', {}, 'Budgets'), chart({
      title: 'Spent in the last period, of the amount', height: 80 + 34 * rows.length,
      option: {
        tooltip: {trigger: 'axis', axisPointer: {type: 'shadow'}, valueFormatter: money}, legend: {}, xAxis: values({min: 0, axisLabel: {formatter: Report.tick, color: Report.ink, hideOverlap: true}}), yAxis: categories(rows.map(b => b.budget_id), {axisLabel: {interval: 0, color: Report.ink}}),
        series: [{type: 'bar', name: 'spent', color: colours[0], barMaxWidth: 14, data: rows.map(b => b.spent)}, {type: 'bar', name: 'amount', color: '#c6ced6', barMaxWidth: 14, data: rows.map(b => b.amount)}],
      },
      table: table([{title: 'Budget', of: b => b.budget_id}, {title: 'Period from', tight: true, of: b => Report.day(b.period)}, {title: 'Amount', number: true, of: b => money(b.amount)}, {title: 'Spent', number: true, of: b => money(b.spent)},
        {title: 'of it', number: true, of: b => percent(b.spent / b.amount)}, {title: 'Price of money', number: true, of: b => number(b.price)}], rows),
    })];
  }

  section({
    order: 48, id: 'campaigns', fields: ['spending', 'campaigns', 'experiments', 'budgets'], title: 'Campaigns',
    about: 'What each campaign cost and brought on each channel, what it caused beyond what would have happened anyway, and how its budget was spent.',
    draw: c => [(c.spending || []).length > 0 ? spending(c.spending) : null, caused(c.campaigns || [], c.experiments), budgets(c.budgets || [])],
  });
})();
