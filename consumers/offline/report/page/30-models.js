'use strict';
// Response models: how good, whether to be believed, and what drives the answer.
(() => {
  const {el, table, chart, whiskers, whole, number, percent, rate, interval, known, values, colours, soft, section} = Report;

  const kModelsDrawn = 4;   // for each answer

  const responses = c => (c.models || []).filter(m => m.id.includes('/')).sort((a, b) => b.positives - a.positives || b.n - a.n);

  function overview(models) {
    return table([
      {title: 'Model', of: m => m.id}, {title: 'Labels', number: true, of: m => whole(m.n)}, {title: 'Yes', number: true, of: m => whole(m.positives)},
      {title: 'Share of yes', number: true, of: m => rate(m.base_rate)}, {title: 'AUC', number: true, of: m => number(m.auc)},
      {title: 'Log-loss', number: true, of: m => number(m.log_loss)}, {title: 'to base rate', number: true, of: m => number(m.log_loss_ratio)},
      {title: 'Said / came', number: true, of: m => number(m.calibration)}, {title: 'F1', number: true, of: m => number((m.f1 || {}).f1)},
      {title: 'Drift alarms', number: true, of: m => whole(m.drift_alarms)},
    ], models, {label: 'All response models', whole: true});
  }

  // A model whose probabilities were far off says so in words.
  function warning(m) {
    if (!known(m.calibration) || m.positives < 100 || (m.calibration > 0.8 && m.calibration < 1.25)) return null;
    return el('p', {class: 'finding warning'}, `Over the whole replay its probabilities were too ${m.calibration < 1 ? 'low' : 'high'}: it said ${number(m.calibration)} for each yes that came, ` +
      `lately ${number(m.recent.calibration)}. The first predictions are made before the first answers are known; where answers take long, or come only at the end, that is most of a short history.`);
  }

  function calibration(m) {
    const points = m.calibration_curve || [];
    if (points.length === 0) return null;
    const top = Math.max(...points.map(p => Math.max(p.predicted, p.high)));
    return chart({
      title: 'Calibration: said against came', height: 270,
      option: {
        tooltip: {trigger: 'item', formatter: p => `said ${percent(p.value[0])}, came ${percent(p.value[1])}`},
        xAxis: values({name: 'predicted', min: 0, axisLabel: {formatter: Report.tickPercent, color: Report.ink, hideOverlap: true}}),
        yAxis: values({name: 'observed', min: 0, nameGap: 44, axisLabel: {formatter: Report.tickPercent, color: Report.ink}}),
        series: [
          {type: 'line', name: 'perfect', data: [[0, 0], [top, top]], symbol: 'none', lineStyle: {type: 'dashed', color: soft, width: 1}, silent: true, tooltip: {show: false}},
          whiskers(points.map(p => [p.predicted, p.low, p.high]), {colour: colours[0]}),
          {type: 'line', name: 'observed', data: points.map(p => [p.predicted, p.observed]), symbol: 'circle', symbolSize: 7, lineStyle: {width: 1.5}, color: colours[0]},
        ],
      },
      table: table([{title: 'Said', number: true, of: p => percent(p.predicted)}, {title: 'Came', number: true, of: p => interval(p.observed, p.low, p.high, percent)},
        {title: 'Labels', number: true, of: p => whole(p.n)}], points, {label: `Calibration of ${m.id}`, fold: true}),
    });
  }

  function gain(m) {
    const points = m.thresholds || [];
    if (points.length === 0) return null;
    return chart({
      title: 'Cumulative gain', height: 270,
      option: {
        tooltip: {trigger: 'axis', formatter: p => `the best ${percent(p[0].value[0])} hold ${percent(p[0].value[1])} of all yes`},
        xAxis: values({name: 'share contacted, most promising first', min: 0, max: 1, axisLabel: {formatter: Report.tickPercent, color: Report.ink}}),
        yAxis: values({name: 'share of all yes', min: 0, max: 1, nameGap: 44, axisLabel: {formatter: Report.tickPercent, color: Report.ink}}),
        series: [
          {type: 'line', name: 'model', data: [[0, 0], ...points.map(p => [p.share, p.caught])], symbol: 'none', lineStyle: {width: 2.5}, color: colours[0]},
          {type: 'line', name: 'by chance', data: [[0, 0], [1, 1]], symbol: 'none', lineStyle: {type: 'dashed', color: soft, width: 1}, silent: true},
        ],
      },
      table: table([{title: 'Share contacted', number: true, of: p => percent(p.share)},
        {title: 'Of all yes', number: true, of: p => interval(p.caught, p.low, p.high, percent)}, {title: 'Customers', number: true, of: p => whole(p.n)}],
      points, {label: `Gain of ${m.id}`, fold: true, paper: (p, i) => i % 4 === 3}),
    });
  }

  function threshold(m) {
    // A threshold that leaves next to nobody says nothing: it is in the table, not in the drawing.
    const points = (m.thresholds || []).slice().reverse(), drawn = points.filter(p => p.share >= 0.002), honest = m.f1;
    if (points.length === 0) return null;
    const line = (name, key, i) => ({type: 'line', name, data: drawn.map(p => [p.threshold, p[key]]), symbol: 'none', color: colours[i],
      lineStyle: {width: key === 'f1' ? 2.5 : 1.5, type: Report.dashes[i]}});
    const told = honest && honest.n > 0 ? `With the threshold chosen before the answers came (${number(honest.threshold)} at the end): F1 ${number(honest.f1)}, ` +
      `precision ${interval(honest.precision, honest.precision_low, honest.precision_high, percent)}, recall ${interval(honest.recall, honest.recall_low, honest.recall_high, percent)}, ${whole(honest.n)} labels. ` +
      `The best in hindsight is ${number(honest.hindsight.f1)} at ${number(honest.hindsight.threshold)}.` : null;
    return [chart({
      title: 'F1 against the threshold', height: 270,
      option: {
        legend: {},
        tooltip: {trigger: 'axis', valueFormatter: number},
        xAxis: values({name: 'act when the prediction is at least', min: 0, axisLabel: {formatter: Report.tick, color: Report.ink, hideOverlap: true}}),
        yAxis: values({min: 0, max: 1, axisLabel: {color: Report.ink}}),
        series: [line('F1', 'f1', 0), line('precision', 'precision', 1), line('recall', 'caught', 2)],
      },
      table: table([{title: 'Threshold', number: true, of: p => number(p.threshold)}, {title: 'F1', number: true, of: p => number(p.f1)},
        {title: 'Precision', number: true, of: p => percent(p.precision)}, {title: 'Recall', number: true, of: p => percent(p.caught)},
        {title: 'Acted on', number: true, of: p => percent(p.share)}], points, {label: `Thresholds of ${m.id}`, fold: true, paper: (p, i) => i % 4 === 1}),
    }), told ? el('p', {class: 'note'}, told) : null];
  }

  section({
    order: 20, id: 'models', fields: ['models'], title: 'Who responds, and why',
    about: 'One model for each offer and answer. Every figure judges what was said before the answer was known, never a fit afterwards.',
    draw(c) {
      const models = responses(c);
      if (models.length === 0) return [];
      const answer = m => m.id.slice(m.id.lastIndexOf('/') + 1), answers = [...new Set(models.map(answer))].sort().reverse();
      const drawn = answers.flatMap(a => models.filter(m => answer(m) === a && m.positives > 0).slice(0, kModelsDrawn));
      const nodes = [overview(models), el('p', {class: 'note'},
        'Odds ratio: above 1 a step of the feature makes a yes more likely, below 1 less; filled marks and shaded rows survive testing all drivers at once. AUC: the chance that somebody who said yes was rated above somebody who did not (0.5 is guessing). Log-loss: smaller is better; below 1 against the base rate means that the model knows something. ' +
        'Said / came: 1 is calibrated. F1: at a threshold chosen before the answers came. Cumulative gain: how many of all yes are found when only the most promising share is contacted.')];
      if (drawn.length < models.length) {
        nodes.push(el('p', {class: 'note'}, `Drawn below: for each answer the ${kModelsDrawn} models with the most yes. All are in the table above, and whole in the JSON report.`));
      }
      for (const m of drawn) {
        const head = `${m.id}: ${whole(m.positives)} yes of ${whole(m.n)}`;
        nodes.push(el('div', {class: 'model'}, el('h3', {}, head), [warning(m), Report.drivers(m.id, m.drivers.filter(d => d.feature !== 'bias'), m.z_limit)].flat(9).filter(Boolean), el('div', {class: 'grid three'}, [calibration(m), gain(m), threshold(m)].flat(9).filter(Boolean).reduce((cells, node) => {
          if (node.tagName === 'P') cells[cells.length - 1].append(node); else cells.push(el('div', {}, node));
          return cells;
        }, []))));
      }
      return nodes;
    },
  });
})();
