'use strict';
// What a reader must know before any figure.
Report.section({
  order: 5, id: 'warnings', fields: ['warnings'], title: 'Before you read on',
  about: 'What limits everything below.',
  draw: c => c.warnings.map(w => Report.el('p', {class: 'finding warning'}, w.text)).concat(
    Report.table([{title: 'Kind', of: w => Report.words(w.kind)}, {title: 'What', of: w => w.text}], c.warnings, {label: 'Warnings', fold: true})),
});
