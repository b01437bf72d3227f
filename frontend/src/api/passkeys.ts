/** Passkeys in the browser: what it is asked, and what it answers, as JSON. */

export const passkeysAreSupported = (): boolean =>
  "PublicKeyCredential" in window &&
  typeof PublicKeyCredential.parseRequestOptionsFromJSON === "function";

/** The person closed the browser's dialog, or no passkey was there. */
export class PasskeyCancelled extends Error {
  constructor(cause: unknown) {
    super("No passkey was given", { cause });
    this.name = "PasskeyCancelled";
  }
}

type Json = Record<string, unknown>;

function answerOf(credential: Credential | null): Json {
  if (!(credential instanceof PublicKeyCredential)) throw new PasskeyCancelled(null);
  return credential.toJSON() as Json;
}

async function asked(dialog: () => Promise<Credential | null>): Promise<Json> {
  try {
    return answerOf(await dialog());
  } catch (cause) {
    if (cause instanceof DOMException) throw new PasskeyCancelled(cause);
    throw cause;
  }
}

/** Make a passkey by the service's options. Throws {@link PasskeyCancelled}. */
export const createPasskey = (options: Json): Promise<Json> =>
  asked(() =>
    navigator.credentials.create({
      publicKey: PublicKeyCredential.parseCreationOptionsFromJSON(
        options as unknown as PublicKeyCredentialCreationOptionsJSON,
      ),
    }),
  );

/** Use a passkey by the service's options. Throws {@link PasskeyCancelled}. */
export const getPasskey = (options: Json): Promise<Json> =>
  asked(() =>
    navigator.credentials.get({
      publicKey: PublicKeyCredential.parseRequestOptionsFromJSON(
        options as unknown as PublicKeyCredentialRequestOptionsJSON,
      ),
    }),
  );
