'use strict';
// What was read, and what was not taken.
(() => {
  const {el, table, chart, whole, percent, words, values, categories, section} = Report;

  const reasons = {
    decode: 'not readable as JSON or CSV', schema: 'wrong shape', mapping: 'the mapping finds no event in it', no_event_id: 'no event id',
    no_customer_id: 'no customer id', key_mismatch: 'another customer than its key says', timestamp_invalid: 'time not readable',
    timestamp_future: 'time in the future', too_large: 'too large', unsupported_encoding: 'encoding not supported',
  };
  const notes = {
    duplicates: 'repeats, dropped', late: 'late events, applied but nothing is decided on them', joined_by_decision: 'answers joined to their impression by decision id',
    joined_by_window: 'answers joined to the latest open impression', not_joined: 'answers without an impression', late_outcomes: 'answers after the window, counted only',
  };

  section({
    order: 10, id: 'read', fields: ['input', 'events'], title: 'What was read',
    about: 'How many records came in, what they were, and which were refused and why: a study is only as good as what it read.',
    draw(c) {
      const nodes = [], kinds = Object.entries(c.events.kinds || {}).sort((a, b) => b[1] - a[1]);
      const total = kinds.reduce((sum, k) => sum + k[1], 0);
      if (kinds.length > 0) {
        const rising = kinds.slice().reverse();
        nodes.push(chart({
          title: 'Events by kind', height: 70 + 32 * kinds.length,
          option: {
            tooltip: {trigger: 'axis', axisPointer: {type: 'shadow'}, valueFormatter: whole},
            xAxis: values({name: 'events', axisLabel: {formatter: Report.tick, hideOverlap: true, color: Report.ink}}),
            yAxis: categories(rising.map(k => words(k[0]))),
            series: [{type: 'bar', name: 'events', data: rising.map(k => k[1]), barMaxWidth: 20, label: {show: true, position: 'right', formatter: p => whole(p.value), color: Report.ink}}],
            grid: {left: 12, right: 70, top: 8, bottom: 12, outerBoundsMode: 'same'},
          },
          table: table([{title: 'Kind', of: k => words(k[0])}, {title: 'Events', number: true, of: k => whole(k[1])},
            {title: 'Share', number: true, of: k => percent(k[1] / total)}], kinds),
        }));
      }
      const rows = [];
      for (const [reason, n] of Object.entries(c.input.rejected || {})) rows.push([`rejected: ${reasons[reason] || words(reason)}`, n, c.input.records, 'records']);
      if (c.input.ignored > 0) rows.push(['ignored by the mapping', c.input.ignored, c.input.records, 'records']);
      for (const [name, text] of Object.entries(notes)) if (c.events[name] > 0) rows.push([text, c.events[name], total, 'events']);
      if (rows.length > 0) {
        nodes.push(el('h3', {}, 'Refused, dropped, joined'), table([{title: 'What', of: r => r[0]}, {title: 'Number', number: true, of: r => whole(r[1])},
          {title: 'Share', number: true, of: r => `${percent(r[1] / r[2])} of ${r[3]}`}], rows));
      } else {
        nodes.push(el('p', {}, 'Every record was taken.'));
      }
      return nodes;
    },
  });
})();
