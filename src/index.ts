export {ElfError} from './errors.js';
