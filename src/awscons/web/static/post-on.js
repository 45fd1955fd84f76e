// Saves a click: the page works without this, by its button.
document.getElementById("post-on").submit();
