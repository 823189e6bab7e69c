// Charts from the JSON beside them, drawn as SVG in the colours of the page; the same figures stand in a table.
"use strict";
(() => {
  const style = getComputedStyle(document.documentElement);
  const of = (name) => style.getPropertyValue(name).trim();
  const numbers = new Intl.NumberFormat("ru-RU");
  const axis = {
    axisLine: { lineStyle: { color: of("--line-strong") } },
    axisLabel: { color: of("--soft"), hideOverlap: true },
    splitLine: { lineStyle: { color: of("--line") } },
  };
  const value = { ...axis, axisLine: { show: false }, axisLabel: { ...axis.axisLabel, formatter: (n) => numbers.format(n) } };
  const months = { ...axis, splitLine: { show: false }, axisLabel: { ...axis.axisLabel, formatter: { year: "{yyyy}", month: "{MM}.{yyyy}", day: "{dd}.{MM}" } } };
  const kinds = { value, time: months, category: axis };
  const dressed = (said) => [said ?? []].flat().map((one) => ({ ...(kinds[one.type] ?? axis), ...one }));

  for (const frame of document.querySelectorAll("[data-chart]")) {
    const option = JSON.parse(document.getElementById(frame.dataset.chart).textContent);
    const chart = echarts.init(frame, null, { renderer: "svg", locale: "EN" });
    chart.setOption({
      animation: false,
      color: [of("--accent"), "#b8741a", "#6b7f2a", "#7a4d86", "#54616d"],
      textStyle: { fontFamily: "Golos Text", color: of("--ink") },
      grid: { left: 8, right: 24, top: 24, bottom: 8, containLabel: true },
      tooltip: { trigger: "axis", renderMode: "richText", confine: true, valueFormatter: (n) => (n == null ? "—" : numbers.format(n)) },
      ...option,
      xAxis: dressed(option.xAxis),
      yAxis: dressed(option.yAxis),
      series: option.series.map((one) => ({
        symbolSize: 6, ...one,
        ...(one.areaStyle ? { areaStyle: { opacity: 0.08, ...one.areaStyle } } : {}),
        ...(one.markLine ? { markLine: { lineStyle: { color: of("--soft"), type: "dashed" }, ...one.markLine, label: { color: of("--soft"), ...one.markLine.label } } } : {}),
      })),
    });
    new ResizeObserver(() => chart.resize()).observe(frame);
  }
})();
