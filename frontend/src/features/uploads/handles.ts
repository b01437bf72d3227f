/** Opens again what was dropped earlier, where the browser gave a handle of it. */

/** Asked for where the File System Access API is; files of the page's own need no permission. */
type Permitted = FileSystemHandle & {
  requestPermission?: (of: { mode: "read" }) => Promise<PermissionState>;
};

/** Whether the page may read it; the browser may ask the person. */
export async function mayBeRead(handle: FileSystemHandle): Promise<boolean> {
  const permitted: Permitted = handle;
  try {
    return ((await permitted.requestPermission?.({ mode: "read" })) ?? "granted") === "granted";
  } catch {
    return false;
  }
}

/** Names are kept composed; some systems have them decomposed. */
async function either<T>(name: string, open: (name: string) => Promise<T>): Promise<T> {
  try {
    return await open(name);
  } catch {
    return await open(name.normalize("NFD"));
  }
}

/** The file of this name, in folders of which the outermost is the handle itself; null where it is gone. */
export async function fileWithin(
  handle: FileSystemHandle,
  folders: readonly string[],
  name: string,
): Promise<File | null> {
  try {
    if (handle.kind === "file") return await (handle as FileSystemFileHandle).getFile();
    let directory = handle as FileSystemDirectoryHandle;
    for (const folder of folders.slice(1)) {
      directory = await either(folder, (one) => directory.getDirectoryHandle(one));
    }
    const file = await either(name, (one) => directory.getFileHandle(one));
    return await file.getFile();
  } catch {
    return null;
  }
}
