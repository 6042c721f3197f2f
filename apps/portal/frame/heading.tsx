import { useEffect, useRef, type ReactNode } from 'react';

let hasMoved = false;
// Not the page's own first step, from no place to its first view.
window.addEventListener('hashchange', ({ oldURL }) => {
  if (new URL(oldURL).hash !== '') hasMoved = true;
});

/**
 * The heading of a view. Names the document, and takes the focus when the reader came here from another view, so that
 * the keyboard goes on from there and a screen reader says where it is.
 */
export function Heading({
  title,
  children,
}: {
  readonly title: string;
  /** Beside the title. */
  readonly children?: ReactNode;
}): ReactNode {
  const element = useRef<HTMLHeadingElement>(null);
  useEffect(() => {
    document.title = `${title} · Beacon`;
  }, [title]);
  useEffect(() => {
    if (hasMoved) element.current?.focus();
  }, []);
  return (
    <div className="heading">
      <h1 ref={element} tabIndex={-1}>
        {title}
      </h1>
      {children}
    </div>
  );
}
