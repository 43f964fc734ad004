export { drawTimeline, type TimelineDrawing } from './timeline/draw.js';
export type {
  Bar as TimelineBar,
  Layout as Timeline,
  Mark as TimelineMark,
  Row as TimelineRow,
} from './timeline/layout.js';
