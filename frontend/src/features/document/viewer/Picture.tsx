/** A page of a version as a picture: fetched with the session's token, kept while it is of use. */
import { useQuery } from "@tanstack/react-query";
import { useEffect, useRef, useState } from "react";
import { pictureQuery } from "@/api/queries";
import type { PictureSize } from "@/api/types";

type PictureProps = {
  documentId: number;
  version: number;
  page: number;
  size: PictureSize;
  alt: string;
  className?: string | undefined;
  onError?: (error: unknown) => void;
};

/** Nothing until the picture is there: what stands in its place is the caller's. */
export function Picture({
  documentId,
  version,
  page,
  size,
  alt,
  className,
  onError,
}: PictureProps) {
  const image = useRef<HTMLImageElement>(null);
  const [loaded, setLoaded] = useState(false);
  const { data, error } = useQuery(pictureQuery(documentId, version, page, size));

  useEffect(() => {
    if (!data || !image.current) return;
    const url = URL.createObjectURL(data);
    image.current.src = url;
    return () => URL.revokeObjectURL(url);
  }, [data]);
  useEffect(() => {
    if (error) onError?.(error);
  }, [error, onError]);

  return data ? (
    <img
      ref={image}
      alt={alt}
      className={className}
      data-loaded={loaded || undefined}
      draggable={false}
      onLoad={() => setLoaded(true)}
    />
  ) : null;
}
