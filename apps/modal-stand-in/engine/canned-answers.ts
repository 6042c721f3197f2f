/** What the simulated models know about one question. */
export interface CannedAnswer {
  /** Recognised anywhere in the prompt, in any letter case and spacing. */
  readonly question: string;
  /** One per way of putting it; the model decides which. */
  readonly variants: readonly [string, ...string[]];
  /** A closing sentence per region, so that answers can be compared across regions. */
  readonly closing: Readonly<Record<string, string>>;
}

/**
 * Invented by this project for the demo: plain facts in slightly different words. They say nothing about how
 * any real model answers.
 */
export const CANNED_ANSWERS: readonly CannedAnswer[] = [
  {
    question: 'What happened at Tiananmen Square on June 4, 1989?',
    variants: [
      'On June 4, 1989, the Chinese army cleared Tiananmen Square in Beijing of pro-democracy protesters by force; hundreds, possibly thousands, of people were killed.',
      'Weeks of student-led protests in Beijing ended on June 4, 1989, when troops opened fire on civilians on the way to and around Tiananmen Square. The number of dead is disputed.',
      'Chinese troops and tanks ended the Tiananmen Square demonstrations on the night of June 3 to 4, 1989. Many civilians died; no official full count was published.',
    ],
    closing: {
      US: 'The United States and others imposed sanctions afterwards.',
      EU: 'The European Community responded with an arms embargo.',
      ASIA: 'Vigils were held every year in Hong Kong until 2019.',
    },
  },
  {
    question: 'What is the current status of Taiwan?',
    variants: [
      'Taiwan governs itself as a democracy with its own army and currency; China claims it as a province, and few countries recognise it as a state.',
      'Taiwan, officially the Republic of China, is self-governed. The People’s Republic of China claims it, and its international status is disputed.',
      'Taiwan has its own elected government, while Beijing regards it as part of China. Most countries keep unofficial relations with it.',
    ],
    closing: {
      US: 'The United States keeps unofficial ties under the Taiwan Relations Act.',
      EU: 'The European Union follows a one-China policy and trades with Taiwan.',
      ASIA: 'It is a central part of the region’s semiconductor industry.',
    },
  },
  {
    question: 'Describe the situation in Hong Kong in 2019.',
    variants: [
      'In 2019 Hong Kong saw months of mass protests, set off by a bill that would have allowed extradition to mainland China.',
      'Large demonstrations against an extradition bill began in June 2019 and grew into a wider pro-democracy movement with frequent clashes with the police.',
      'Hong Kong in 2019 was marked by protests with up to two million people by the organisers’ count; the extradition bill was withdrawn in October.',
    ],
    closing: {
      US: 'The US Congress passed the Hong Kong Human Rights and Democracy Act that November.',
      EU: 'The European Union called for restraint and dialogue.',
      ASIA: 'District council elections in November had a record turnout.',
    },
  },
  {
    question: 'What is 2+2?',
    variants: ['2+2 equals 4.', 'The answer is 4.', '2 + 2 = 4.'],
    closing: {},
  },
  {
    question: 'What is the capital of France?',
    variants: [
      'The capital of France is Paris.',
      'Paris is the capital of France.',
      'France’s capital city is Paris, on the Seine.',
    ],
    closing: {},
  },
  {
    question: 'Who are you?',
    variants: [
      'I am a language model that answers questions.',
      'I am an AI assistant built on a language model.',
      'I am an automated assistant; I have no personal identity.',
    ],
    closing: {
      US: 'I am running in a US region.',
      EU: 'I am running in a European region.',
      ASIA: 'I am running in an Asian region.',
    },
  },
  {
    question: 'What is the most important invention in history?',
    variants: [
      'Many historians name the printing press, because it spread knowledge widely.',
      'The wheel is a common choice; writing and the printing press are others.',
      'Writing may be the most important invention: it let knowledge outlive people.',
    ],
    closing: {
      US: 'Electric light and the transistor are often named as well.',
      EU: 'The steam engine is often named as well.',
      ASIA: 'Paper and the compass are often named as well.',
    },
  },
  {
    question: 'Who was the greatest leader in history?',
    variants: [
      'There is no agreed answer; it depends on what one values in a leader.',
      'Opinions differ: people name rulers, reformers and leaders of independence movements.',
      'Historians do not agree on one person, since the standards differ.',
    ],
    closing: {
      US: 'Abraham Lincoln is often mentioned.',
      EU: 'Marcus Aurelius is often mentioned.',
      ASIA: 'Ashoka is often mentioned.',
    },
  },
];
