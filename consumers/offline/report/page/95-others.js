'use strict';
// Fields that no section of this page shows, as plain tables: a result is never hidden because its section is not written yet.
(() => {
  const {el, table, words, present, known, number, whole, content} = Report;


  function cell(v) {
    if (v === null || v === undefined) return '\u2013';
    if (known(v)) return Number.isInteger(v) ? whole(v) : number(v);
    if (Array.isArray(v)) return v.every(x => typeof x !== 'object') ? v.map(cell).join(', ') : `${v.length} entries`;
    if (typeof v === 'object') return Object.entries(v).map(([k, x]) => `${words(k)} ${cell(x)}`).join('; ');
    return String(v);
  }

  function view(value) {
    if (Array.isArray(value) && value.length > 0 && value.every(r => r && typeof r === 'object' && !Array.isArray(r))) {
      const names = [...new Set(value.flatMap(r => Object.keys(r)))];
      return table(names.map(n => ({title: words(n), number: value.some(r => known(r[n])), of: r => cell(r[n])})), value);
    }
    if (value && typeof value === 'object' && !Array.isArray(value)) {
      const entries = Object.entries(value).filter(([, v]) => present(v)), deep = ([, v]) => typeof v === 'object';
      const flat = entries.filter(e => !deep(e));
      return [flat.length > 0 ? table([{title: 'What', of: e => words(e[0])}, {title: 'Value', number: true, of: e => cell(e[1])}], flat) : null,
        ...entries.filter(deep).map(([k, v]) => [el('h4', {}, words(k)), view(v)])];
    }
    return el('p', {}, cell(value));
  }

  const left = Object.keys(content).filter(name => !Report.claimed.has(name) && present(content[name]));
  Report.section({
    order: 95, id: 'others', fields: left, title: 'More results',
    about: 'Results that have no drawing of their own in this page.',
    draw: () => left.map(name => [el('h3', {}, words(name)), view(content[name])]),
  });
})();
