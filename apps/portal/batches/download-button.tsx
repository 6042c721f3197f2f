import { useMutation } from '@tanstack/react-query';
import type { ReactNode } from 'react';
import { useRouter } from '../client/client-context.js';
import { download } from '../downloads/download.js';
import { ErrorNotice } from '../notices/error-notice.js';

/** Hands a stored file to the reader. */
export function DownloadButton({
  fileId,
  fileName,
  children,
}: {
  readonly fileId: string;
  readonly fileName: string;
  readonly children: ReactNode;
}): ReactNode {
  const router = useRouter();
  const fetched = useMutation({
    mutationFn: async () => {
      await download(router.fetch, `/v1/files/${fileId}/content`, fileName);
    },
  });
  return (
    <>
      <button type="button" disabled={fetched.isPending} onClick={() => fetched.mutate()}>
        {children}
      </button>
      {fetched.error !== null && <ErrorNotice error={fetched.error} what="The file was not fetched" />}
    </>
  );
}
