'use strict';
// What all sections share: the content, elements, number formats, tables, charts. A section is one file beside this one
// that calls Report.section; it is drawn only when one of its fields is in the content.
const Report = (() => {
  const content = JSON.parse(document.getElementById('content').textContent);
  const sections = [], charts = [];

  // ---- Elements ------------------------------------------------------------------------------------------------------

  // el('td', {class: 'number'}, 'text', child, ...): attributes set, texts never parsed as markup.
  function el(tag, attributes, ...children) {
    const node = document.createElement(tag);
    for (const [name, value] of Object.entries(attributes || {})) {
      if (value !== undefined && value !== null && value !== false) node.setAttribute(name, value === true ? '' : value);
    }
    for (const child of children.flat()) {
      if (child !== undefined && child !== null && child !== false) node.append(child);
    }
    return node;
  }

  const paragraph = (...text) => el('p', {}, ...text);
  const note = (...text) => el('p', {class: 'note'}, ...text);

  // ---- Numbers as people read them -------------------------------------------------------------------------------------

  const known = v => typeof v === 'number' && Number.isFinite(v);
  const plain = new Map();
  function decimals(v, digits) {
    if (!plain.has(digits)) {
      plain.set(digits, new Intl.NumberFormat('en-GB', {minimumFractionDigits: digits, maximumFractionDigits: digits}));
    }
    return plain.get(digits).format(v).replace('-', '\u2212');
  }
  const whole = v => known(v) ? decimals(v, 0) : '\u2013';
  // Three significant digits, never an exponent where a person would not write one.
  function number(v) {
    if (!known(v)) return '\u2013';
    const size = Math.abs(Number(v.toPrecision(3)));
    if (size !== 0 && (size >= 1e9 || size < 1e-4)) return v.toExponential(2).replace(/-/g, '\u2212');
    return decimals(v, size >= 100 || size === 0 ? 0 : size >= 10 ? 1 : size >= 1 ? 2 : size >= 0.1 ? 3 : 4);
  }
  // Marks of an axis: as short as they can be.
  const ticks = new Intl.NumberFormat('en-GB', {maximumSignificantDigits: 4});
  const tick = v => ticks.format(v).replace('-', '\u2212');
  const tickPercent = v => `${parseFloat((100 * v).toPrecision(3))}\u202f%`;
  function percent(v, digits) {
    if (!known(v)) return '\u2013';
    const p = 100 * v, size = Math.abs(p);
    return decimals(p, digits ?? (size >= 10 || size === 0 ? 1 : size >= 0.1 ? 2 : 3)) + '\u202f%';
  }
  const money = v => known(v) ? `${decimals(v, Math.abs(v) >= 1000 ? 0 : 2)}\u202f${(content.about || {}).currency || ''}`.trim() : '\u2013';
  // "3.42 % [3.31, 3.53]" of {rate, low, high}; the format of the interval is the number's own.
  function interval(value, low, high, format = number) {
    if (!known(value)) return '\u2013';
    if (!known(low) || !known(high)) return format(value);
    const bare = v => format(v).replace(/\u202f.*$/, '');
    return `${format(value)} [${bare(low)}, ${bare(high)}]`;
  }
  const rate = r => r && r.n > 0 ? interval(r.rate, r.low, r.high, percent) : '\u2013';
  const day = time => typeof time === 'string' ? time.slice(0, 10) : '\u2013';
  // A feature as the report calls it elsewhere. A slot that no segment has now may have been an earlier one's.
  function feature(name) {
    return name.replace(/^segment=(\d+)/, 'segment $1').replace(/^segment_slot=\d+/, 'no segment now').replace(/\*channel=/, ' \u00d7 ').replace(/^channel=/, 'channel ').replace(/_/g, ' ').replace('=', '=\u200b');
  }
  // "days_since_click" and "not_joined" as words.
  const words = name => String(name).replace(/_/g, ' ');

  // ---- Tables ----------------------------------------------------------------------------------------------------------

  const kRowsInView = 14;
  let tables = 0;

  // columns: [{title, of: row => text or node, number: true for right-aligned, tight: true for one line}]; a long table scrolls on screen, or starts
  // folded (fold), unless it is to stand whole. On paper nothing is folded; `paper(row, i)` says which rows of a long one stand there.
  function table(columns, rows, options = {}) {
    const head = el('tr', {}, columns.map(c => el('th', {scope: 'col', class: c.number ? 'number' : null}, c.title)));
    const paper = options.paper || (() => true), left = rows.filter((row, i) => !paper(row, i)).length;
    const looks = (row, i) => [options.mark && options.mark(row) ? 'mark' : '', paper(row, i) ? '' : 'screen'].join(' ').trim() || null;
    const body = rows.map((row, r) => el('tr', {class: looks(row, r)},
      columns.map((c, i) => el(i === 0 ? 'th' : 'td', {scope: i === 0 ? 'row' : null, class: c.number ? 'number' : c.tight ? 'tight' : null}, c.of(row)))));
    const grid = el('table', {}, options.caption ? el('caption', {}, options.caption) : null, el('thead', {}, head), el('tbody', {}, body),
      left > 0 ? el('tfoot', {}, el('tr', {}, el('td', {colspan: columns.length}, `${rows.length - left} of ${rows.length} rows on paper; all on screen and in the JSON report.`))) : null);
    const scroll = el('div', {class: 'scroll', tabindex: 0, role: 'region', 'aria-label': options.caption || options.label || 'Table'}, grid);
    if (!options.fold) {
      if (rows.length > kRowsInView && !options.whole) scroll.classList.add('long');
      return scroll;
    }
    scroll.id = `table-${++tables}`;
    scroll.classList.add('folded');
    const label = `Table, ${rows.length} rows`;
    const button = el('button', {type: 'button', class: 'fold', 'aria-expanded': 'false', 'aria-controls': scroll.id}, `Show ${label.toLowerCase()}`);
    button.addEventListener('click', () => {
      const open = scroll.classList.toggle('folded') === false;
      button.setAttribute('aria-expanded', String(open));
      button.textContent = `${open ? 'Hide' : 'Show'} ${label.toLowerCase()}`;
    });
    return el('div', {class: 'foldable'}, button, scroll);
  }

  // ---- Charts ----------------------------------------------------------------------------------------------------------

  // Dark enough on white paper and apart for colour-blind eyes; marks and dashes differ as well.
  const colours = ['#0072b2', '#c44e00', '#007a5a', '#a03a8c', '#806600', '#332288', '#56616b', '#b5123e'];
  const marks = ['circle', 'rect', 'triangle', 'diamond', 'emptyCircle', 'emptyRect', 'emptyTriangle', 'emptyDiamond'];
  const dashes = ['solid', 'dashed', 'dotted'];
  const ink = '#1b1f24', soft = '#4a5560', line = '#d5dae0';
  const family = 'system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", Arial, sans-serif';

  const axis = more => Object.assign({
    axisLine: {show: true, lineStyle: {color: soft}}, axisTick: {show: false}, axisLabel: {color: ink, fontSize: 12, hideOverlap: true},
    splitLine: {lineStyle: {color: line}}, nameTextStyle: {color: soft, fontSize: 12}, nameLocation: 'middle', nameGap: 30,
  }, more);
  const values = more => axis(Object.assign({type: 'value'}, more));
  const categories = (data, more) => axis(Object.assign({type: 'category', data, splitLine: {show: false}}, more));

  // A figure with its title and the table of the same numbers beside it: chart({title, option, height, table}).
  function chart({title, option, height = 300, table: numbers, wide = false}) {
    const place = el('div', {class: 'chart', style: `height:${height}px`, role: 'img', 'aria-label': title});
    const figure = el('figure', {class: wide ? 'wide' : null}, el('figcaption', {}, title), place);
    charts.push({place, option});
    return el('div', {class: wide ? 'pair stacked' : 'pair'}, figure, numbers ? el('div', {class: 'numbers'}, numbers) : null);
  }

  function drawCharts() {
    for (const {place, option} of charts) {
      const view = echarts.init(place, null, {renderer: 'svg'});
      // On paper the drawing is scaled by the style sheet: that takes a view box.
      const box = () => {
        const svg = place.querySelector('svg');
        if (svg) svg.setAttribute('viewBox', `0 0 ${view.getWidth()} ${view.getHeight()}`);
      };
      view.on('rendered', box);
      const hasLegend = option.legend !== undefined;
      // A legend takes as many lines as its names need; the drawing begins below it.
      const names = [].concat(option.series || []).map(s => s.name).filter(Boolean);
      const lines = hasLegend ? Math.ceil(names.reduce((sum, n) => sum + 42 + 5.6 * n.length, 0) / Math.max(200, place.clientWidth)) : 0;
      const grid = Object.assign({left: 12, right: 20, bottom: 12, outerBoundsMode: 'same'}, option.grid, {top: (option.marked ? 34 : 16) + 22 * lines});
      delete option.marked;
      view.setOption(Object.assign({
        animation: false, color: colours, textStyle: {fontFamily: family, color: ink, fontSize: 12},
        tooltip: {trigger: 'axis', confine: true, appendTo: undefined, textStyle: {fontSize: 12, color: ink}},
      }, option, {grid}, hasLegend ? {legend: Object.assign({top: 0, left: 0, type: 'plain', itemGap: 14, textStyle: {color: ink, fontSize: 12}}, option.legend)} : {}));
      if (window.ResizeObserver) new ResizeObserver(() => { if (!matchMedia('print').matches) { view.resize(); box(); } }).observe(place);
    }
  }

  // Vertical or horizontal whiskers from low to high around points: data [[position, low, high], ...].
  function whiskers(data, more = {}) {
    const {colour = ink, horizontal = false, xAxisIndex, yAxisIndex, offset = 0} = more;
    return {
      type: 'custom', silent: true, z: 3, tooltip: {show: false}, data, xAxisIndex, yAxisIndex, encode: horizontal ? {x: [1, 2], y: 0} : {x: 0, y: [1, 2]},
      renderItem(params, api) {
        const at = api.value(0), end = (v) => horizontal ? api.coord([v, at]) : api.coord([at, v]);
        if (!known(api.value(1)) || !known(api.value(2))) return null;
        const low = end(api.value(1)), high = end(api.value(2)), cap = 4;
        const style = {stroke: colour, lineWidth: 1.5, fill: null};
        const shift = horizontal ? {x: 0, y: offset} : {x: offset, y: 0};
        const bar = (p) => horizontal ? {x1: p[0], x2: p[0], y1: p[1] - cap, y2: p[1] + cap} : {x1: p[0] - cap, x2: p[0] + cap, y1: p[1], y2: p[1]};
        return {
          type: 'group', x: shift.x, y: shift.y,
          children: [
            {type: 'line', shape: {x1: low[0], y1: low[1], x2: high[0], y2: high[1]}, style},
            {type: 'line', shape: bar(low), style}, {type: 'line', shape: bar(high), style},
          ],
        };
      },
    };
  }

  // ---- Sections --------------------------------------------------------------------------------------------------------

  // {order, id, fields: [names of the content this shows], title, about: one sentence, draw(content) -> nodes; none: left out}.
  const claimed = new Set();
  function section(spec) {
    sections.push(spec);
    for (const field of spec.fields) claimed.add(field);
  }

  const present = v => v !== undefined && v !== null && !(Array.isArray(v) && v.length === 0) &&
    !(typeof v === 'object' && !Array.isArray(v) && Object.keys(v).length === 0);

  function start() {
    const root = document.getElementById('report');
    root.replaceChildren();
    const wanted = sections.filter(s => s.fields.some(f => present(content[f]))).sort((a, b) => a.order - b.order);
    const body = [], listed = [];
    for (const s of wanted) {
      const nodes = [s.draw(content)].flat(9).filter(Boolean);
      if (nodes.length === 0) continue;
      if (s.title) {
        listed.push(el('li', {}, el('a', {href: `#${s.id}`}, s.title)));
        body.push(el('section', {id: s.id, 'aria-labelledby': `${s.id}-title`},
          el('h2', {id: `${s.id}-title`}, s.title), s.about ? el('p', {class: 'about'}, s.about) : null, nodes));
      } else {
        body.push(...nodes);
      }
    }
    root.append(body[0] || '', el('nav', {'aria-label': 'Sections'}, el('ol', {}, listed)), ...body.slice(1));
    drawCharts();
  }

  return {content, section, claimed, start, el, paragraph, note, table, chart, whiskers, values, categories, axis, colours, marks, dashes, ink, soft, line,
    known, present, whole, number, percent, tick, tickPercent, money, interval, rate, day, words, feature};
})();
