// Runs the script of verify.html without a browser: node page.mjs verify.html jobs.json
import { readFileSync } from "node:fs";
import { runInThisContext } from "node:vm";

const page = readFileSync(process.argv[2], "utf8");
const script = /<script>([\s\S]*?)<\/script>/.exec(page)[1];
runInThisContext(script, { filename: "verify.html" });
const reports = {};
for (const job of JSON.parse(readFileSync(process.argv[3], "utf8"))) {
  reports[job.name] = await globalThis.verifyBundle(job.bundle ?? Buffer.from(job.base64, "base64"), job.heads, job.policy);
}
process.stdout.write(JSON.stringify(reports));
