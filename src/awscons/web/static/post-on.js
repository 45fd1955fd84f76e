// Saves a click: the page works without this, by its button.
const cameBack = document.getElementById("came-back");

// Whether this browser was sent to the same console within the last minute. It keeps a time and nothing else; where it
// may keep nothing, the form always goes on.
function wasSentMomentsAgo() {
  const now = Date.now(), key = `sent ${location.pathname}`;
  try {
    const ago = now - Number(localStorage.getItem(key));
    localStorage.setItem(key, now);
    return ago >= 0 && ago < 60_000;
  } catch {
    return false;
  }
}

// Who comes back so soon may have met a region that does not answer: the page stays, with the other regions.
if (cameBack && wasSentMomentsAgo() && !new URLSearchParams(location.search).has("failed_region")) {
  cameBack.hidden = false;
  document.querySelector(".lead").hidden = true;
} else {
  document.getElementById("post-on").submit();
}
// A page that comes back out of the browser's memory has an old form.
addEventListener("pageshow", (event) => { if (event.persisted) location.reload(); });
