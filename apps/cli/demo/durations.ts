/** e.g. `2 min 41 s`; below a minute `41 s`. */
export function simulatedTime(seconds: number): string {
  const whole = Math.round(seconds);
  return whole < 60 ? `${whole} s` : `${Math.floor(whole / 60)} min ${String(whole % 60).padStart(2, '0')} s`;
}

export function realTime(seconds: number): string {
  return `${seconds.toFixed(1)} s`;
}
