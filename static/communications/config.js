// What the server knew when it rendered the page.

export const config = JSON.parse(document.getElementById("page").textContent);
