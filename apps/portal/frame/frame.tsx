import { useRef, type ReactNode } from 'react';
import { Link, useLocation } from 'wouter';
import { ConnectionStatus } from '../connection/connection-status.js';
import { useSession } from '../session/session.js';
import { ThemeChoice } from '../theme/theme-choice.js';
import { SECTIONS, isWithin } from './sections.js';

/** What stands around every view. */
export function Frame({ children }: { readonly children: ReactNode }): ReactNode {
  const main = useRef<HTMLElement>(null);
  const session = useSession();
  const [location] = useLocation();
  return (
    <>
      {/* Not a real address: the part after # is the page's own. */}
      <a
        className="skip"
        href="#main"
        onClick={(event) => {
          event.preventDefault();
          main.current?.focus();
        }}
      >
        Skip to content
      </a>
      <header className="top">
        <p className="brand">
          <img src="./beacon.svg" alt="" width="20" height="20" /> Beacon
        </p>
        <nav aria-label="Sections">
          <ul>
            {SECTIONS.filter(({ role }) => session.may(role)).map((section) => (
              <li key={section.path}>
                <Link href={section.path} aria-current={isWithin(section, location) ? 'page' : undefined}>
                  {section.label}
                </Link>
              </li>
            ))}
          </ul>
        </nav>
        <div className="top-end">
          <ConnectionStatus />
          <ThemeChoice />
          {session.hasKey && (
            <button type="button" className="quiet" onClick={session.leave}>
              Forget key <span className="tenant">({session.self.tenant})</span>
            </button>
          )}
        </div>
      </header>
      <main id="main" ref={main} tabIndex={-1}>
        {children}
      </main>
    </>
  );
}
