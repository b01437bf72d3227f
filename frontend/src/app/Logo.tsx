/** The mark of the application: a drawer, half open. */
export function Logo({ size }: { size: number }) {
  return (
    <svg width={size} height={size} viewBox="0 0 32 32" aria-hidden style={{ flexShrink: 0 }}>
      <rect width="32" height="32" rx="8" fill="#2f56b8" />
      <path
        d="M8 10.5A1.5 1.5 0 0 1 9.5 9h13a1.5 1.5 0 0 1 1.5 1.5V14H8z"
        fill="#fff"
        opacity=".6"
      />
      <path d="M8 15.5h16v6a1.5 1.5 0 0 1-1.5 1.5h-13A1.5 1.5 0 0 1 8 21.5z" fill="#fff" />
      <rect x="13" y="17.5" width="6" height="1.8" rx=".9" fill="#2f56b8" />
    </svg>
  );
}
