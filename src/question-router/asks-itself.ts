const MARKER = /^\s*(?:>\s*)*(?:(?:[-*+]|\d{1,9}[.)])\s+)?(?:\[.?\]\s+)?/;
const EMPHASIS = /[*_`~]/g;
const BEGINS = /^\s*(?:(?:[-*+]|\d{1,9}[.)])\s|#{1,6}\s)/;

/**
 * Whether a text only asks this question, as a list of open questions does, and says nothing below it before the next
 * item begins. Such a text holds every word of the question and is still no answer to it.
 */
export function asksItself(text: string, question: string): boolean {
  const wanted = normalized(question);
  const lines = text.split("\n");
  return lines.some((line, index) => {
    if (normalized(line.replace(MARKER, "")) !== wanted) return false;
    const next = lines[index + 1];
    return next === undefined || next.trim() === "" || BEGINS.test(next);
  });
}

function normalized(text: string): string {
  return text.replaceAll(EMPHASIS, "").replaceAll(/\s+/g, " ").trim().toLowerCase();
}
