/** One bar. */
export interface Bar {
  readonly label: string;
  readonly value: number;
}

const rowHeight = 26;
const labelWidth = 330;
const barsWidth = 360;
const headHeight = 40;

/** Horizontal bars from 0 as an SVG picture, with a line at 1 where both sides are equal. */
export function barChart(title: string, bars: readonly Bar[]): string {
  const max = Math.max(1, ...bars.map(({ value }) => value));
  const widthOf = (value: number): number => Math.round((barsWidth * value) / max);
  const height = headHeight + rowHeight * bars.length + 10;
  const rows = bars.map(({ label, value }, row) => {
    const top = headHeight + rowHeight * row;
    return [
      text(labelWidth - 8, top + 16, label, 'end'),
      `<rect x="${labelWidth}" y="${top + 3}" width="${widthOf(value)}" height="18" fill="#3b6ea5"/>`,
      text(labelWidth + widthOf(value) + 6, top + 16, value.toFixed(2), 'start'),
    ].join('\n');
  });
  const one = labelWidth + widthOf(1);
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" width="${labelWidth + barsWidth + 70}" height="${height}" font-family="sans-serif" font-size="13">`,
    `<rect width="100%" height="100%" fill="#ffffff"/>`,
    text(10, 22, `${title}: ratios`, 'start'),
    ...rows,
    `<line x1="${one}" y1="${headHeight - 6}" x2="${one}" y2="${height - 6}" stroke="#b03030" stroke-dasharray="4 3"/>`,
    '</svg>',
    '',
  ].join('\n');
}

function text(x: number, y: number, content: string, anchor: 'start' | 'end'): string {
  const safe = content.replaceAll('&', '&amp;').replaceAll('<', '&lt;');
  return `<text x="${x}" y="${y}" text-anchor="${anchor}" fill="#202020">${safe}</text>`;
}
