'use strict';
// The rate of yes by every feature's value: what the table says before any model.
(() => {
  const {el, table, chart, whiskers, whole, number, percent, interval, words, values, categories, colours, soft, section} = Report;
  const kModels = 2, kDrawn = [24, 9];   // charts of the first and of the second model

  // Whole numbers as such, others with three digits.
  const plain = v => Number.isInteger(v) ? whole(v) : number(v);
  const label = p => p.level !== undefined ? p.level : p.from === p.to ? plain(p.from) : `${plain(p.from)} to ${plain(p.to)}`;
  const rate = p => interval(p.rate, p.low, p.high, percent);

  function draw(f, base) {
    const top = Math.max(...f.parts.map(p => p.n >= 30 ? p.high : p.rate), base) * 1.1 || 1;
    return chart({
      title: `${words(f.feature)}${f.found ? '' : ' (no difference shown)'}`, height: 230,
      option: {
        tooltip: {trigger: 'axis', formatter: ps => { const p = f.parts[ps[0].dataIndex]; return `${label(p)}<br>${rate(p)}, ${whole(p.k)} of ${whole(p.n)}`; }},
        xAxis: categories(f.parts.map(label), {axisLabel: {color: Report.ink, fontSize: 11, rotate: f.parts.length > 4 ? 40 : 0, width: 90, overflow: 'truncate'}}),
        yAxis: values({min: 0, max: top, splitNumber: 4, axisLabel: {formatter: Report.tickPercent, color: Report.ink, showMaxLabel: false}}),
        series: [{type: 'bar', name: 'share of yes', barMaxWidth: 26, color: f.found ? colours[0] : '#9fb4c4', data: f.parts.map(p => p.rate),
          markLine: {silent: true, precision: 8, symbol: 'none', label: {show: false}, lineStyle: {color: soft, type: 'dashed'}, data: [{yAxis: base}]}},
        whiskers(f.parts.map((p, i) => [i, p.low, Math.min(p.high, top)]))],
      },
      table: table([{title: words(f.feature), of: label}, {title: 'Yes', number: true, of: rate}, {title: 'Customers', number: true, of: p => whole(p.n)}], f.parts,
        {label: `Rates by ${f.feature}`, fold: true}),
    });
  }

  section({
    order: 22, id: 'rates', fields: ['models'], title: 'Conversion by feature',
    about: 'The counted share of yes for every value of every feature, each on its own. Features that move together show the same difference more than once; the drivers above take them all into account.',
    draw(c) {
      const models = (c.models || []).filter(m => (m.rates || []).length > 0 && m.positives > 0).sort((a, b) => b.id.includes('conversion') - a.id.includes('conversion') || b.positives - a.positives).slice(0, kModels);
      return models.map((m, at) => {
        const all = m.rates.slice().sort((a, b) => a.q - b.q || b.chi_square / Math.max(1, b.degrees) - a.chi_square / Math.max(1, a.degrees)), found = all.filter(f => f.found).length;
        const ends = f => { const s = f.parts.filter(p => p.n >= 30).sort((a, b) => a.rate - b.rate); return s.length > 1 ? [s[0], s[s.length - 1]] : [null, null]; };
        const end = p => p ? `${label(p)}: ${percent(p.rate)}` : '\u2013';
        return [el('h3', {}, m.id), el('p', {class: 'finding'}, found === 0
          ? `The share of yes is the same everywhere as far as can be told: of ${all.length} features none shows a difference that survives correction for looking at all of them (5\u202f% false discoveries).`
          : `${found} of ${all.length} features go with different shares of yes, corrected for looking at all of them (5\u202f% false discoveries). Dashed: the share over everybody, ${percent(m.base_rate.rate)}.`),
        el('div', {class: 'grid three'}, all.slice(0, kDrawn[at]).map(f => el('div', {}, draw(f, m.base_rate.rate)))),
        table([{title: 'Feature', of: f => words(f.feature)}, {title: 'Lowest', of: f => end(ends(f)[0])}, {title: 'Highest', of: f => end(ends(f)[1])},
          {title: 'Chi-square', number: true, of: f => `${number(f.chi_square)} (${f.degrees})`}, {title: 'q', number: true, of: f => number(f.q)}], all,
        {label: `Rates by feature of ${m.id}`, mark: f => f.found, fold: all.length > 12})];
      });
    },
  });
})();
