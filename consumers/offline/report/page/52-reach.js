'use strict';
// Clicks and purchases against how many impressions a customer was shown in all, by channel and segment.
(() => {
  const {el, table, chart, whiskers, whole, number, percent, rate, interval, values, categories, colours, marks, section} = Report;
  const segment = id => Report.segmentName(id);
  const label = b => b.from === b.to ? whole(b.from) : `${whole(b.from)} to ${whole(b.to)}`;
  const correlation = t => interval(t.r, t.low, t.high);

  function sentence(x) {
    const say = (what, t) => t.evidence === 'none' ? `${what} does not go with the number of impressions as far as can be told (correlation ${correlation(t)})`
      : `${what} ${t.r > 0 ? 'rises' : 'falls'} with the number of impressions (correlation ${correlation(t)}), which explains at most ${percent(t.explained_at_most)} of it: ${t.evidence === 'weak' ? 'weak evidence' : 'a clear association'}`;
    return `${x.channel}: ${say('the click rate', x.trend.click)}; ${say('purchase', x.trend.purchase)}. ` +
      (x.answers_known ? '' : 'Only totals are known here, not which impression was answered or when: no cap can be learned from them, and none is claimed.');
  }

  function curve(x, key, title) {
    const rows = x.segments.filter(s => s.segment === null || Report.living(s.segment)), all = rows.find(s => s.segment === null), others = rows.filter(s => s.segment !== null && s.bins.some(b => b.customers > 0));
    const points = s => s.bins.map(b => b[key].n > 0 ? b[key].rate : null), drawn = others.length > 1 ? others : [];
    return chart({
      title, height: 280,
      option: {
        legend: {}, tooltip: {trigger: 'axis', valueFormatter: v => percent(v)},
        xAxis: categories(all.bins.map(label), {name: 'impressions shown to the customer', nameGap: 44, axisLabel: {color: Report.ink, fontSize: 11, rotate: 30, interval: 0}}),
        yAxis: values({min: 0, axisLabel: {formatter: Report.tickPercent, color: Report.ink}}),
        series: [...drawn.map((s, i) => ({type: 'line', name: segment(s.segment), data: points(s), symbol: marks[(i + 1) % marks.length], symbolSize: 6, lineStyle: {width: 1.2, type: 'dashed'}, color: colours[(i + 1) % colours.length]})),
          {type: 'line', name: 'all', data: points(all), symbol: 'circle', symbolSize: 7, lineStyle: {width: 2.5}, color: colours[0], z: 4}, whiskers(all.bins.map((b, i) => [i, b[key].low, b[key].high]), {colour: colours[0]})],
      },
      table: table([{title: 'Segment', of: ([s]) => segment(s.segment)}, {title: 'Impressions', of: ([, b]) => label(b)}, {title: 'Customers', number: true, of: ([, b]) => whole(b.customers)},
        {title: key === 'click' ? 'Clicks per impression' : 'Bought', number: true, of: ([, b]) => rate(b[key])}], rows.flatMap(s => s.bins.filter(b => b.customers > 0).map(b => [s, b])),
      {label: `${title} on ${x.channel}`, fold: true, paper: ([s]) => s.segment === null}),
    });
  }

  section({
    order: 47, id: 'reach', fields: ['reach'], title: 'Clicks and purchases against impressions',
    about: 'Customers by how many impressions they were shown over the whole period. It compares different customers, not the same one shown more or less: who is shown more may differ in other ways.',
    draw: c => c.reach.map(x => [el('h3', {}, x.channel), el('p', {class: 'finding'}, sentence(x)),
      el('div', {class: 'grid'}, [el('div', {}, curve(x, 'click', 'Clicks per impression')), el('div', {}, curve(x, 'purchase', 'Customers who bought'))])]),
  });
})();
