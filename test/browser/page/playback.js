// Plays the recording that is named in the query, by the rules of the playback page in noVNC's
// repository: the recording is a script that sets globals, the payload of any frame is behind its
// second `{`, and what the server sent is fed to noVNC at its times.
//
// That page itself is in no package that noVNC publishes.
import Base64 from '/novnc/core/base64.js';
import RFB from '/novnc/core/rfb.js';

/** What noVNC takes for a WebSocket that is open. */
class Channel {
  binaryType = 'arraybuffer';
  protocol = '';
  readyState = 'open';
  onopen = () => {};
  onmessage = () => {};
  onerror = () => {};
  onclose = () => {};
  send() {}
  close() {}
}

function load(url) {
  return new Promise((resolve, reject) => {
    const script = document.createElement('script');
    script.addEventListener('load', resolve);
    script.addEventListener('error', reject);
    script.src = url;
    document.body.append(script);
  });
}

function encodingOf(lines) {
  if (window.VNC_frame_encoding) return window.VNC_frame_encoding;
  const greeting = lines[0].slice(lines[0].indexOf('{', 1) + 1);
  return greeting.startsWith('UkZC') ? 'base64' : 'binary';
}

function frameFrom(line, encoding) {
  const at = line.indexOf('{', 1) + 1;
  const payload = line.slice(at);
  return {
    fromClient: line.startsWith('}'),
    time: Number.parseInt(line.slice(1, at - 1), 10),
    bytes:
      encoding === 'base64'
        ? Base64.decode(payload)
        : Uint8Array.from(payload, (character) => character.charCodeAt(0)),
  };
}

async function play(frames) {
  const channel = new Channel();
  const rfb = new RFB(document.getElementById('screen'), channel);
  rfb.viewOnly = true;
  rfb.addEventListener('disconnect', ({ detail }) => {
    document.title = `disconnected ${detail.clean}`;
  });
  const start = performance.now();
  for (const { fromClient, time, bytes } of frames) {
    if (fromClient) continue;
    const rest = time - (performance.now() - start);
    await new Promise((resolve) => setTimeout(resolve, Math.max(0, rest)));
    channel.onmessage({ data: bytes });
  }
  document.title = 'played';
}

await load(`/recordings/${new URL(location.href).searchParams.get('data')}`);
const lines = window.VNC_frame_data;
const encoding = encodingOf(lines);
if (lines.at(-1) !== 'EOF') throw new Error('the recording has no end');
await play(lines.slice(0, -1).map((line) => frameFrom(line, encoding)));
