// How many SMS a text is, in words.

const SHOWN = 4;

export function segmentNote({ encoding, count, left, unusual }) {
  const parts = [`${count} SMS`, `${left} ${left === 1 ? "character" : "characters"} left`];
  const culprits = [...unusual];
  const listed = culprits.slice(0, SHOWN).map((one) => `“${one}”`).join(" ");
  const more = culprits.length > SHOWN ? " and others" : "";
  if (culprits.length) parts.push(`contains ${listed}${more}, so ${encoding}`);
  return parts.join(" · ");
}

export const lengthNote = (text) => {
  const length = [...text].length;
  return `${length} ${length === 1 ? "character" : "characters"}`;
};
