import { useVirtualizer } from '@tanstack/react-virtual';
import { useRef, type ReactNode } from 'react';

export interface Column<Row> {
  readonly id: string;
  readonly header: ReactNode;
  readonly cell: (row: Row) => ReactNode;
  /** Figures are set to the right, in digits of one width. */
  readonly numeric?: boolean;
  /** Names the row to screen readers; one column has it. */
  readonly rowHeader?: boolean;
  /** Prose: it takes as many lines as it needs. Everything else stays on one, and the table scrolls within its frame. */
  readonly wraps?: boolean;
  /** A CSS width. */
  readonly width?: string;
}

export interface DataTableProps<Row> {
  /** Says what the table lists; read aloud, and seen where `showCaption` is set. */
  readonly caption: string;
  readonly showCaption?: boolean;
  readonly columns: readonly Column<Row>[];
  readonly rows: readonly Row[];
  readonly rowKey: (row: Row, index: number) => string | number;
}

/** A table of some hundred rows at most, all of them in the document. */
export function DataTable<Row>(props: DataTableProps<Row>): ReactNode {
  const { rows, columns, rowKey } = props;
  return (
    <div className="table-frame" role="region" aria-label={props.caption} tabIndex={0}>
      <table>
        <Head {...props} />
        <tbody>
          {rows.map((row, index) => (
            <tr key={rowKey(row, index)}>
              <Cells row={row} columns={columns} />
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

const OVERSCAN = 12;

/**
 * A table of any length: only the rows in sight are in the document, and each says which of all it is. Rows have one
 * height, and what does not fit is cut.
 * @param count of all rows; `row` may not know one yet
 */
export function VirtualTable<Row>({
  count,
  row: rowAt,
  rowHeight = 30,
  height = '60vh',
  ...props
}: Omit<DataTableProps<Row>, 'rows' | 'rowKey'> & {
  readonly count: number;
  /** undefined: not fetched; the place is shown empty */
  readonly row: (index: number) => Row | undefined;
  /** In pixels. */
  readonly rowHeight?: number;
  readonly height?: string;
}): ReactNode {
  const frame = useRef<HTMLDivElement>(null);
  // eslint-disable-next-line react-hooks/incompatible-library -- nothing of it is handed on to memoized parts
  const virtual = useVirtualizer({
    count,
    getScrollElement: () => frame.current,
    estimateSize: () => rowHeight,
    overscan: OVERSCAN,
  });
  const items = virtual.getVirtualItems();
  const before = items[0]?.start ?? 0;
  const after = virtual.getTotalSize() - (items.at(-1)?.end ?? 0);
  const { columns } = props;
  return (
    <div
      className="table-frame table-virtual"
      role="region"
      aria-label={props.caption}
      tabIndex={0}
      ref={frame}
      style={{ maxHeight: height }}
    >
      <table aria-rowcount={count + 1}>
        <Head {...props} />
        <tbody>
          <Space height={before} columns={columns.length} />
          {items.map(({ index }) => {
            const row = rowAt(index);
            return (
              // The first row is the header's.
              <tr key={index} aria-rowindex={index + 2} style={{ height: rowHeight }}>
                {row === undefined ? (
                  <td colSpan={columns.length} className="pending-row">
                    <span className="unseen">not loaded yet</span>
                  </td>
                ) : (
                  <Cells row={row} columns={columns} />
                )}
              </tr>
            );
          })}
          <Space height={after} columns={columns.length} />
        </tbody>
      </table>
    </div>
  );
}

function Head<Row>({
  caption,
  showCaption = false,
  columns,
}: Pick<DataTableProps<Row>, 'caption' | 'showCaption' | 'columns'>): ReactNode {
  return (
    <>
      <caption className={showCaption ? undefined : 'unseen'}>{caption}</caption>
      <thead>
        <tr>
          {columns.map(({ id, header, numeric, width }) => (
            <th
              key={id}
              scope="col"
              className={numeric ? 'number' : undefined}
              style={width === undefined ? undefined : { width }}
            >
              {header}
            </th>
          ))}
        </tr>
      </thead>
    </>
  );
}

function Cells<Row>({
  row,
  columns,
}: {
  readonly row: Row;
  readonly columns: readonly Column<Row>[];
}): ReactNode {
  return columns.map(({ id, cell, numeric, wraps, rowHeader }) =>
    rowHeader ? (
      <th key={id} scope="row" className={wraps ? 'wraps' : undefined}>
        {cell(row)}
      </th>
    ) : (
      <td key={id} className={numeric ? 'number' : wraps ? 'wraps' : undefined}>
        {cell(row)}
      </td>
    ),
  );
}

/** Holds the place of the rows that are out of sight. */
function Space({ height, columns }: { readonly height: number; readonly columns: number }): ReactNode {
  if (height <= 0) return null;
  return (
    <tr aria-hidden="true" className="space">
      <td colSpan={columns} style={{ height }} />
    </tr>
  );
}
