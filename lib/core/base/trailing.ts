/**
 * `text` without the characters `end` at its end. As a regular expression this
 * takes the square of the text, or nobody can prove that it does not.
 */
export function withoutTrailing(text: string, end: string): string {
  let length = text.length;
  while (length > 0 && text[length - 1] === end) length -= 1;
  return text.slice(0, length);
}
