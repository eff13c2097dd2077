'use strict';
// What customers like, and which products go together.
(() => {
  const {el, table, chart, whole, number, percent, values, categories, colours, section} = Report;
  const kItemsShown = 40, kCategoriesDrawn = 15;

  section({
    order: 53, id: 'preferences', fields: ['preferences'], title: 'What customers like, and what goes together',
    about: 'Which categories attract customers, from everything they did with the recent counting more; and which products the same customers buy.',
    draw(c) {
      const p = c.preferences, next = p.next_purchase, nodes = [], categoryRows = p.categories || [], items = (p.similar || []).filter(i => i.with.length > 0);
      const drawn = categoryRows.slice(0, kCategoriesDrawn);
      if (next && next.orders > 0) {
        nodes.push(el('p', {class: 'finding'}, `Of ${whole(next.orders)} purchases of something new, ${percent(next.hit_rate_10)} were among the ten products suggested beforehand; ` +
          `the ten most popular ones held ${percent(next.popular_hit_rate_10)}.${p.items <= 10 ? ` There are only ${whole(p.items)} products, so ten suggestions hold them all.` : ''}`));
      }
      if (drawn.length > 0) {
        nodes.push(chart({
          title: `Share of attention by category (${whole(p.customers)} customers)`, height: 80 + 28 * drawn.length,
          option: {
            tooltip: {trigger: 'axis', axisPointer: {type: 'shadow'}, valueFormatter: v => percent(v)}, xAxis: values({name: 'share', axisLabel: {formatter: Report.tickPercent, hideOverlap: true, color: Report.ink}}),
            yAxis: categories(drawn.map(r => r.category).reverse(), {axisLabel: {width: 150, overflow: 'truncate', interval: 0, color: Report.ink}}),
            series: [{type: 'bar', name: 'share', color: colours[0], barMaxWidth: 18, data: drawn.map(r => r.share).reverse()}],
          },
          table: table([{title: 'Category', of: r => r.category}, {title: 'Share', number: true, of: r => percent(r.share)}], categoryRows),
        }));
      }
      if (items.length > 0) {
        const rows = items.slice(0, kItemsShown).flatMap(i => i.with.map(w => ({first: i.item, bought: i.bought, other: w.item, similarity: w.similarity, together: w.together})));
        nodes.push(el('h3', {}, 'Products that go together'), el('p', {class: 'note'}, 'Similarity lies between 0 and 1 and is shrunk where there is little evidence; pairs no more frequent than chance are left out. Counts are decayed: what happened lately counts more.'),
          table([{title: 'Product', of: r => r.first}, {title: 'Goes with', of: r => r.other}, {title: 'Similarity', number: true, of: r => number(r.similarity)}, {title: 'Bought together', number: true, of: r => whole(r.together)},
            {title: 'First one bought', number: true, of: r => whole(r.bought)}], rows, {label: 'Similar products', paper: (r, i) => i < kItemsShown}));
      }
      return nodes;
    },
  });
})();
