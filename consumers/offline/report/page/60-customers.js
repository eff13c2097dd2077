'use strict';
// What customers own and move, and whom to approach again.
(() => {
  const {el, table, chart, whole, number, percent, money, rate, interval, values, categories, colours, section} = Report;
  const segment = id => Report.segmentName(id);
  
  section({
    order: 50, id: 'products', fields: ['products'], title: 'Who owns what',
    about: 'Share of the customers of each segment that own each product at the end.',
    draw(c) {
      const rows = c.products.filter(r => r.customers > 0), products = Object.keys(rows[0].owned).filter(p => rows.some(r => r.owned[p].k > 0));
      const segments = rows.filter(r => r.segment !== null), each = 'products a customer';
      return [chart({
        title: 'Ownership by segment', height: 320, wide: true,
        option: {
          legend: {}, tooltip: {trigger: 'axis', axisPointer: {type: 'shadow'}, valueFormatter: v => percent(v)},
          xAxis: categories(products, {axisLabel: {interval: 0, color: Report.ink, fontSize: 12}}), yAxis: values({min: 0, axisLabel: {formatter: Report.tickPercent, color: Report.ink}}),
          series: (segments.length > 0 ? segments : rows).map((r, i) => ({type: 'bar', name: segment(r.segment), color: colours[i % colours.length], barMaxWidth: 24, data: products.map(p => r.owned[p].rate)})),
        },
        table: table([{title: 'Product', of: p => p}, ...rows.map(r => ({title: `${segment(r.segment)} (n ${whole(r.customers)})`, number: true,
          of: p => p === each ? interval(r.products.mean, r.products.low, r.products.high) : rate(r.owned[p])}))], [...products, each], {label: 'Product ownership by segment', whole: true}),
      })];
    },
  });

  section({
    order: 52, id: 'transactions', fields: ['transactions'], title: 'Deposits, withdrawals and purchases',
    about: 'How many transactions of each type the customers of each segment made over the whole period, and how much money that was for a customer.',
    draw(c) {
      const rows = c.transactions.filter(r => r.customers > 0), types = ['deposits', 'withdrawals', 'purchases', 'returns'].filter(t => rows.some(r => r[t] && r[t].count > 0));
      const segments = rows.filter(r => r.segment !== null);
      return [chart({
        title: 'Mean amount a customer', height: 300, wide: true,
        option: {
          legend: {}, tooltip: {trigger: 'axis', axisPointer: {type: 'shadow'}, valueFormatter: money},
          xAxis: categories((segments.length ? segments : rows).map(r => segment(r.segment)), {axisLabel: {interval: 0, color: Report.ink, fontSize: 12}}), yAxis: values({axisLabel: {formatter: Report.tick, color: Report.ink}}),
          series: types.map((t, i) => ({type: 'bar', name: t, color: colours[i], barMaxWidth: 28, data: (segments.length ? segments : rows).map(r => r[t].per_customer.mean)})),
        },
        table: table([{title: 'Type', of: ([t]) => t}, {title: 'Segment', of: ([, r]) => segment(r.segment)}, {title: 'Customers', number: true, of: ([, r]) => whole(r.customers)},
          {title: 'who made any', number: true, of: ([t, r]) => rate(r[t].active)}, {title: 'Transactions', number: true, of: ([t, r]) => whole(r[t].count)},
          {title: 'Amount', number: true, of: ([t, r]) => money(r[t].amount)}, {title: 'Amount a customer', number: true, of: ([t, r]) => interval(r[t].per_customer.mean, r[t].per_customer.low, r[t].per_customer.high, money)}],
        types.flatMap(t => rows.map(r => [t, r])), {label: 'Transactions by segment', whole: true}),
      })];
    },
  });

  section({
    order: 54, id: 'retargeting', fields: ['segments'], title: 'Whom to approach again',
    about: 'Customers who saw or clicked something lately and did not convert, who may be contacted, are under their cap and are worth it: what their best offer should bring now.',
    draw(c) {
      const r = (c.segments || {}).retargeting;
      if (!r) return [];
      const total = r.total, revenue = x => interval(x.revenue, x.low, x.high, v => number(v));
      const columns = first => [...first, {title: 'Customers', number: true, of: x => whole(x.customers)}, {title: 'Potential revenue', number: true, of: revenue},
        {title: 'Cost', number: true, of: x => number(x.cost)}, {title: 'Worth after cost and annoyance', number: true, of: x => number(x.value)}];
      const offers = r.by_offer.slice().sort((a, b) => b.revenue - a.revenue);
      return [
        el('p', {class: 'finding'}, `${whole(r.seen_unconverted)} customers saw or clicked in the last ${whole(r.window_days)} days and did not convert; ${whole(r.reachable)} of them can and should be reached now. ` +
          `Expected revenue ${interval(total.revenue, total.low, total.high, money)}.`),
        chart({
          title: 'Potential revenue by offer', height: 80 + 34 * offers.length,
          option: {
            tooltip: {trigger: 'axis', axisPointer: {type: 'shadow'}, valueFormatter: money}, xAxis: values({name: 'expected revenue, with interval', axisLabel: {formatter: Report.tick, hideOverlap: true, color: Report.ink}}),
            yAxis: categories(offers.map(o => o.offer).reverse(), {axisLabel: {width: 150, overflow: 'truncate', interval: 0, color: Report.ink}}),
            series: [{type: 'bar', name: 'expected revenue', barMaxWidth: 20, color: colours[0], data: offers.map(o => o.revenue).reverse()},
              Report.whiskers(offers.slice().reverse().map((o, i) => [i, o.low, o.high]), {horizontal: true})],
          },
          table: table(columns([{title: 'Offer', of: x => x.offer}]), offers),
        }),
        table(columns([{title: 'Segment', of: x => segment(x.segment)}, {title: 'Offer', of: x => x.offer}]), r.cells, {label: 'Retargeting by segment and offer'}),
        el('p', {class: 'note'}, 'Each customer counts once, under the offer and channel the engine would rate best. The interval holds chance and what the model does not know yet. Some would buy anyway: hold somebody out to know.' +
          (r.hindsight ? ` The best of many estimates errs upwards, so revenue is ${number(r.hindsight.ratio)} times what the models say: of people like these, those who were by chance shown just what looked best for them (${number(r.hindsight.best_shown)}, older ones count less) were expected to answer ${number(r.hindsight.best_said)} times and did ${number(r.hindsight.best_answered)} times.` : '')),
      ];
    },
  });
})();
