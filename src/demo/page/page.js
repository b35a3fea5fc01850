// Shows the demo's desktop with noVNC, and connects again when the server was restarted.
import RFB from '@novnc/novnc';
import { port } from './port.js';

const screen = document.getElementById('screen');
const status = document.getElementById('status');
const url = `ws://${location.hostname}:${port}/`;
const retryAfter = 2000;

function connect() {
  const rfb = new RFB(screen, url);
  rfb.scaleViewport = true;
  rfb.focusOnClick = true;
  rfb.addEventListener('connect', () => {
    status.textContent = `connected to ${url}`;
    rfb.focus();
  });
  rfb.addEventListener('disconnect', () => {
    status.textContent = `no connection to ${url}; trying again…`;
    setTimeout(connect, retryAfter);
  });
}

connect();
