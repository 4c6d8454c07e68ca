// Shows the receipt of a form as a pop-up. Without this script, the form leads to the receipt's page.
"use strict";

document.addEventListener("submit", async (event) => {
  const form = event.target, button = event.submitter;
  if (!form.matches("[data-receipt]")) return;
  event.preventDefault();
  if (button) button.disabled = true;
  try {
    const answer = await fetch(form.action, {method: "POST", body: new URLSearchParams(new FormData(form, button))});
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    const receipt = page.getElementById("receipt");
    if (!answer.ok) throw new Error(answer.status);
    if (!receipt) { location.assign(answer.url); return; }
    show(document.adoptNode(receipt), answer.url, page.title);
  } catch {
    form.submit(); // the same event, so nothing is sent twice
  }
});

// show makes the receipt's page the present one, so that its numbers freshen, and loading it again works.
function show(receipt, address, title) {
  const popup = document.createElement("dialog");
  popup.className = "popup";
  popup.setAttribute("aria-labelledby", "receipt-head");
  popup.append(receipt);
  popup.addEventListener("close", () => location.assign(receipt.dataset.back));
  document.body.append(popup);
  history.pushState(null, "", address);
  document.title = title;
  popup.showModal();
  receipt.querySelector("h1").focus();
  if (typeof freshen === "function") freshen(1000);
}

addEventListener("popstate", () => location.reload());
