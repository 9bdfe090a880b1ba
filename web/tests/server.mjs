// Through the program itself: `h5manager visualize` as people start it.

export function serverTests() {
  return [];
}
