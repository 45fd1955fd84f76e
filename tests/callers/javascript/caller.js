// A program that uses AWS by the SDK for JavaScript: for each line that it reads, it says who it is, and by which key.
// Its words: the name of a profile, and the address of STS.
const readline = require("node:readline");
const { GetCallerIdentityCommand, STSClient } = require("@aws-sdk/client-sts");

const [profile, endpoint] = process.argv.slice(2);
const client = new STSClient({ profile, endpoint });

(async () => {
  for await (const _line of readline.createInterface({ input: process.stdin })) {
    const { accessKeyId } = await client.config.credentials();
    const { Arn } = await client.send(new GetCallerIdentityCommand({}));
    console.log(Arn, accessKeyId);
  }
})();
