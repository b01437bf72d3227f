// Uploads a file with the real tus-js-client; the tests start it as a program of its own.
//
//     node tests/support/tus_client.mjs '{"endpoint": …, "token": …, "file": …, "metadata": {…}, …}'
//
// Every line it prints is JSON: {"progress": bytes}, {"resumed": bytes}, {"url": …}, and in the end {"done": …} or {"error": …}.
// `urlStorage` names a file in which it remembers what it began; one that finds its upload there goes on with it.

import fs from 'node:fs'
import { createRequire } from 'node:module'

const require = createRequire(new URL('../../frontend/package.json', import.meta.url))
const tus = require('tus-js-client')
const options = JSON.parse(process.argv[2])
const say = (what) => fs.writeSync(1, JSON.stringify(what) + '\n')

const upload = new tus.Upload(fs.createReadStream(options.file), {
  endpoint: options.endpoint,
  chunkSize: options.chunkSize ?? Infinity,
  parallelUploads: options.parallelUploads ?? 1,
  uploadDataDuringCreation: options.uploadDataDuringCreation ?? false,
  retryDelays: options.retryDelays ?? [],
  headers: { Authorization: options.token },
  metadata: options.metadata,
  storeFingerprintForResuming: options.urlStorage !== undefined,
  removeFingerprintOnSuccess: true,
  urlStorage: options.urlStorage === undefined ? undefined : new tus.FileUrlStorage(options.urlStorage),
  onUploadUrlAvailable: () => say({ url: upload.url }),
  onChunkComplete: (_size, accepted) => say({ progress: accepted }),
  onProgress: (sent) => say({ sent }),
  onSuccess: ({ lastResponse }) => {
    say({ done: { status: lastResponse.getStatus(), body: lastResponse.getBody() } })
  },
  onError: (error) => {
    const answer = error.originalResponse
    say({ error: { message: error.message, status: answer?.getStatus() ?? 0, body: answer?.getBody() ?? '' } })
    process.exitCode = 1
  },
})

if (options.urlStorage !== undefined) {
  const [previous] = await upload.findPreviousUploads()
  if (previous !== undefined) {
    upload.resumeFromPreviousUpload(previous)
    say({ resumed: previous.uploadUrl ?? previous.parallelUploadUrls })
  }
}
upload.start()
