// The box for text: it holds the desktop's clipboard, and can be typed on the desktop, which is how
// a phone writes, and how a password gets where nothing can be pasted.

const XK_Return = 0xff0d;
const XK_Tab = 0xff09;

/** The X11 keysym that stands for a character. */
function keysymOf(character) {
  if (character === '\n') return XK_Return;
  if (character === '\t') return XK_Tab;
  const code = character.codePointAt(0);
  // Latin-1 has its own numbers, all other characters those of Unicode.
  return code < 0x100 ? code : 0x1000000 + code;
}

/**
 * Brings the box to life. `current` returns the connection, or null. Returns what is to be done with
 * the text that the desktop has cut.
 */
export function useText(current) {
  const form = document.getElementById('text');
  const toggle = document.getElementById('text-toggle');
  const box = document.getElementById('clipboard');

  toggle.addEventListener('click', () => {
    form.hidden = !form.hidden;
    toggle.setAttribute('aria-expanded', String(!form.hidden));
    if (form.hidden) current()?.focus();
    else box.focus();
  });
  box.addEventListener('input', () => current()?.clipboardPasteFrom(box.value));
  form.addEventListener('submit', (event) => {
    event.preventDefault();
    for (const character of box.value) current()?.sendKey(keysymOf(character));
    current()?.focus();
  });
  return (text) => {
    box.value = text;
  };
}
