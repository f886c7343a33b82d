/* Draw the timeline that is in this page. */
(function () {
  "use strict";
  const columns = JSON.parse(document.getElementById("timeline").textContent);
  const names = Object.keys(columns);
  const samples = columns.at.map((_, i) => Object.fromEntries(names.map((name) => [name, columns[name][i]])));
  window.PipelineCharts.mount(document.getElementById("charts")).set(samples);
})();
