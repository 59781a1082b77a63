// The control API.

const toast = document.getElementById("toast");
let fading;

export async function ask(path, method = "GET", body = undefined) {
  const response = await fetch(`/control${path}`, {
    method,
    headers: body === undefined ? {} : { "content-type": "application/json" },
    body: body === undefined ? undefined : JSON.stringify(body),
  });
  const answer = response.status === 204 ? null : await response.json();
  if (!response.ok) throw new Error(answer?.error || `The sandbox answered ${response.status}.`);
  return answer;
}

// For buttons: says what was done, or what went wrong.
export async function act(done, path, method, body) {
  try {
    const answer = await ask(path, method, body);
    say(done);
    return answer;
  } catch (error) {
    say(error.message, true);
    return null;
  }
}

export function say(text, wrong = false) {
  toast.textContent = text;
  toast.classList.toggle("wrong", wrong);
  toast.classList.add("shown");
  clearTimeout(fading);
  fading = setTimeout(() => toast.classList.remove("shown"), 4000);
}
