// Shows the desktop behind the proxy with noVNC: connects, tells how that went, connects again.
import { approve, askCredentials, closeDialogs } from './dialogs.js';
import RFB from './novnc/core/rfb.js';
import { useText } from './text.js';

const element = (id) => document.getElementById(id);
const needsConnection = [element('ctrl-alt-del'), element('text-toggle')];

// Beside this page, wherever that is.
const address = new URL('websockify', location.href);
address.protocol = location.protocol === 'https:' ? 'wss:' : 'ws:';
address.search = '';
address.hash = '';

/** The connection that the page has or tries to get; null between two. */
let rfb = null;

const showClipboard = useText(() => rfb);

function show(state, reason) {
  const isConnected = state === 'connected';
  document.body.dataset.state = state;
  element('state').textContent = isConnected ? state : `${state}${rfb === null ? '' : '…'}`;
  element('reason').textContent = reason;
  element('reconnect').hidden = rfb !== null;
  element('disconnect').disabled = rfb === null;
  for (const button of needsConnection) button.disabled = !isConnected;
}

function connect() {
  let refusal;
  let wasConnected = false;
  const current = new RFB(element('screen'), address.href);
  rfb = current;
  current.scaleViewport = true;
  current.background = 'transparent';
  show('connecting', `Connecting to ${address.host}…`);

  current.addEventListener('connect', () => {
    wasConnected = true;
    show('connected', '');
    current.focus();
  });
  current.addEventListener('credentialsrequired', async ({ detail }) => {
    const credentials = await askCredentials(detail.types);
    if (rfb !== current) return;
    if (credentials === undefined) current.disconnect();
    else current.sendCredentials(credentials);
  });
  current.addEventListener('serververification', async ({ detail }) => {
    // Browsers have no cryptography for other pages.
    if (!isSecureContext) {
      refusal = 'its kind of security works only if this page comes by HTTPS';
      current.disconnect();
      return;
    }
    const isApproved = await approve(detail.publickey);
    if (rfb !== current) return;
    if (isApproved) current.approveServer();
    else current.disconnect();
  });
  current.addEventListener('securityfailure', ({ detail }) => {
    refusal = detail.reason ?? 'wrong credentials';
  });
  current.addEventListener('desktopname', ({ detail }) => {
    element('name').textContent = detail.name;
    document.title = detail.name;
  });
  current.addEventListener('clipboard', ({ detail }) => showClipboard(detail.text));
  current.addEventListener('disconnect', ({ detail }) => {
    rfb = null;
    closeDialogs();
    show('disconnected', farewell(detail.clean, wasConnected, refusal));
    element('reconnect').focus();
  });
}

function farewell(isClean, wasConnected, refusal) {
  if (refusal !== undefined)
    return `The desktop refused the connection: ${refusal.replace(/\.$/, '')}.`;
  if (isClean) return 'The connection has ended.';
  if (wasConnected) return 'The connection was lost.';
  return `No desktop answers behind ${address.host}.`;
}

element('reconnect').addEventListener('click', connect);
element('disconnect').addEventListener('click', () => rfb?.disconnect());
element('ctrl-alt-del').addEventListener('click', () => {
  rfb?.sendCtrlAltDel();
  rfb?.focus();
});

// Phones that have no such mode for a page show no button for it.
const fullScreen = element('full-screen');
fullScreen.hidden = !document.fullscreenEnabled;
fullScreen.addEventListener('click', async () => {
  await document.querySelector('main').requestFullscreen();
  rfb?.focus();
});

connect();
