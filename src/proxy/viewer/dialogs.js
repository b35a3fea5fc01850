// What the desktop wants to know before it lets anybody in.

const credentials = document.getElementById('credentials');
const identity = document.getElementById('identity');

for (const dialog of [credentials, identity]) {
  dialog.querySelector('.cancel').addEventListener('click', () => dialog.close());
}

/** Resolves with whether the user agreed. */
function ask(dialog) {
  return new Promise((resolve) => {
    const form = dialog.querySelector('form');
    const agree = () => {
      isAgreed = true;
    };
    let isAgreed = false;
    form.addEventListener('submit', agree);
    const closed = () => {
      form.removeEventListener('submit', agree);
      resolve(isAgreed);
    };
    dialog.addEventListener('close', closed, { once: true });
    dialog.showModal();
  });
}

/**
 * Asks for credentials of these types (`username`, `password`, `target`). Resolves with them, or
 * with undefined if the user does not want to.
 */
export async function askCredentials(types) {
  const inputs = [];
  for (const label of credentials.querySelectorAll('label')) {
    const input = label.querySelector('input');
    const isWanted = types.includes(label.dataset.type);
    label.hidden = !isWanted;
    input.disabled = !isWanted;
    if (isWanted) inputs.push(input);
  }
  const isAgreed = await ask(credentials);
  const values = inputs.map((input) => [input.name, input.value]);
  // Nobody who comes to the screen later is to find it here.
  for (const input of inputs) if (input.type === 'password') input.value = '';
  return isAgreed ? Object.fromEntries(values) : undefined;
}

/** Shows the fingerprint of the server's key. Resolves with whether the user knows it. */
export async function approve(key) {
  // As VNC servers and other viewers show it.
  const digest = new Uint8Array(await crypto.subtle.digest('SHA-1', key));
  const bytes = [...digest.subarray(0, 8)].map((byte) => byte.toString(16).padStart(2, '0'));
  document.getElementById('fingerprint').textContent = bytes.join('-');
  return ask(identity);
}

/** Takes back what was asked: the answer would come too late. */
export function closeDialogs() {
  credentials.close();
  identity.close();
}
