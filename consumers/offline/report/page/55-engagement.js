'use strict';
// Engagement: clicks, purchases and unsubscribes by segment and channel.
(() => {
  const {el, table, chart, whiskers, whole, percent, rate, values, categories, colours, marks, section} = Report;
  const segment = id => Report.segmentName(id);

  function dots(rows, outcome, title) {
    const with_n = rows.filter(r => r[outcome] && r[outcome].n > 0);
    if (with_n.length < 2 || with_n.every(r => r[outcome].k === 0)) return null;
    const segments = [...new Set(with_n.map(r => r.segment))], channels = [...new Set(with_n.map(r => r.channel))];
    const step = Math.min(14, 60 / Math.max(1, channels.length)), shift = i => (i - (channels.length - 1) / 2) * step;
    const top = Math.max(...with_n.map(r => r[outcome].n >= 100 ? r[outcome].high : r[outcome].rate)) * 1.1;
    return chart({
      title, height: 320,
      option: {
        legend: {}, tooltip: {trigger: 'item', formatter: p => `${segment(segments[p.value[0]])}, ${p.seriesName}: ${percent(p.value[1])}`},
        xAxis: categories(segments.map(segment), {axisLabel: {interval: 0, color: Report.ink, fontSize: 12}, splitLine: {show: true, lineStyle: {color: Report.line}}}),
        yAxis: values({min: 0, max: top, axisLabel: {formatter: Report.tickPercent, color: Report.ink, showMaxLabel: false}, splitLine: {show: false}}),
        series: channels.flatMap((channel, i) => {
          const mine = with_n.filter(r => r.channel === channel), colour = colours[i % colours.length];
          return [
            whiskers(mine.map(r => [segments.indexOf(r.segment), r[outcome].low, Math.min(top, r[outcome].high)]), {colour, offset: shift(i)}),
            {type: 'scatter', name: channel, color: colour, symbol: marks[i % marks.length], symbolSize: 10, symbolOffset: [shift(i), 0], z: 4, data: mine.map(r => [segments.indexOf(r.segment), r[outcome].rate])},
          ];
        }),
      },
    });
  }

  section({
    order: 45, id: 'engagement', fields: ['engagement'], title: 'Engagement and purchase',
    about: 'How many of the impressions shown to each segment on each channel were clicked, led to a purchase, or made somebody leave; only impressions whose time to answer is over count.',
    draw(c) {
      const rows = c.engagement.filter(r => Report.living(r.segment)), sum = key => rows.some(r => r[key]);
      return [
        dots(rows, 'click', 'Clicks per impression, by segment and channel'), dots(rows, 'conversion', 'Purchases per impression, by segment and channel'),
        table([
          {title: 'Segment', of: r => segment(r.segment)}, {title: 'Channel', of: r => r.channel},
          {title: 'Impressions', number: true, of: r => whole(Math.max((r.click || {}).n || 0, (r.conversion || {}).n || 0))},
          sum('click') ? {title: 'Clicks', number: true, of: r => whole((r.click || {}).k)} : null, sum('click') ? {title: 'Click rate', number: true, of: r => rate(r.click)} : null,
          sum('conversion') ? {title: 'Purchases', number: true, of: r => whole((r.conversion || {}).k)} : null, sum('conversion') ? {title: 'Purchase rate', number: true, of: r => rate(r.conversion)} : null,
          rows.some(r => r.unsubscribe && r.unsubscribe.k > 0) ? {title: 'Unsubscribed', number: true, of: r => rate(r.unsubscribe)} : null,
        ].filter(Boolean), rows, {label: 'Engagement by segment and channel', whole: true}),
      ];
    },
  });
})();
