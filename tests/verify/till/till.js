// Pays at the till of examples/till.html in a real browser: node till.js CHROMIUM URL CUSTOMER; prints what it saw as JSON.
import { chromium } from "playwright-core";

const [executablePath, url, customer] = process.argv.slice(2);
// Without its sandbox, because tests may run as root in a container, where it has none; the one page is ours.
const browser = await chromium.launch({ executablePath, args: ["--no-sandbox"] });
const errors = [];
try {
  const page = await browser.newPage();
  page.setDefaultTimeout(60_000);
  page.on("pageerror", (error) => errors.push(String(error)));
  page.on("console", (message) => message.type() === "error" && errors.push(message.text()));
  await page.goto(url);
  await page.fill("#customer", customer);

  const sales = [];
  for (const barcodes of [["8930000000028"], ["8930000000042", "8930000000011"]]) {
    for (const barcode of barcodes) {
      await page.fill("#barcode", barcode);
      await page.press("#barcode", "Enter");
    }
    await page.waitForFunction(() => document.querySelector("#quote").textContent.includes("lifts them"));
    const quote = await page.textContent("#quote");
    const price = await page.textContent("#pay");
    await page.click("#pay");
    await page.waitForFunction(() => document.querySelector("#basket").rows.length === 0);
    sales.push({
      quote,
      price,
      tier: await page.textContent("#tier"),
      story: await page.textContent("#story"),
      benefits: await page.locator("#benefits li").allTextContents(),
      is_upgraded: await page.locator("#outcome.upgraded").isVisible(),
    });
  }
  console.log(JSON.stringify({ sales, errors }));
} finally {
  await browser.close();
}
