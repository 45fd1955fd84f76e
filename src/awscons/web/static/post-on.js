// Saves a click: the page works without this, by its button.
document.getElementById("post-on").submit();
// A page that comes back out of the browser's memory has an old form.
addEventListener("pageshow", (event) => { if (event.persisted) location.reload(); });
