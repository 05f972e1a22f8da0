/** That a server which is there becomes the first member. */
export interface AdoptWish {
  /** Null: the only one that runs. */
  readonly dataDir: string | null;
  /** What was shown and agreed to, word for word; null: nothing yet. */
  readonly agreed: string | null;
}
