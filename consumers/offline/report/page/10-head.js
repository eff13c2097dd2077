'use strict';
// The head of the page: whose report, of when, and the figures that say how much there is.
(() => {
  const {el, whole, day, section} = Report;

  function figure(value, name) { return el('div', {}, el('dd', {}, value), el('dt', {}, name)); }

  section({
    order: 0, id: 'head', fields: ['about'],
    draw(c) {
      const about = c.about, rejected = Object.values(c.input.rejected || {}).reduce((a, b) => a + b, 0);
      document.title = `${about.app} \u2013 Offerstream report`;
      const period = about.from ? `${day(about.from)} to ${day(about.to)}` : 'no events';
      return el('header', {},
        el('p', {class: 'kicker'}, 'Offerstream report'), el('h1', {}, about.app),
        el('p', {class: 'about'}, `${period} (event time, UTC) \u00b7 ${c.input.files.map(f => f.split('/').pop()).join(', ')} \u00b7 Offerstream ${about.version}`),
        el('dl', {class: 'figures'},
          figure(whole(c.input.records), 'records read'), figure(whole(c.input.events), 'events'),
          figure(whole(rejected), 'rejected'), figure(whole(about.customers), 'customers'),
          figure(whole(c.decisions.total), 'decisions'), figure(whole((c.models || []).filter(m => m.id.includes('/')).length), 'response models')),
        el('p', {class: 'note'}, 'Square brackets hold 95\u202f% intervals: with data like these, the true value lies inside 95 times in 100. ' +
          'A dash means that there is nothing to say yet. Money is in ' + about.currency + '.'));
    },
  });
})();
