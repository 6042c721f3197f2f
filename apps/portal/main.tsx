import './styles/page.css';
import { StrictMode } from 'react';
import { createRoot } from 'react-dom/client';
import { Page } from './page.js';
import { applyTheme, chosenTheme } from './theme/theme.js';

const place = document.getElementById('page');
if (place === null) throw new Error('index.html has no place for the page');
applyTheme(chosenTheme());
createRoot(place).render(
  <StrictMode>
    <Page />
  </StrictMode>,
);
